"""The brief: claims with their quotes, what stayed open, what was struck; and its Markdown.

Guarantees: prose without a quote is not printed; everything that was asked appears, as a claim,
as a gap with its reason, or as struck with its reason; what a document says cannot break out of
the quote in which it is printed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from desk.collections import Collection
from desk.quotes import ByteRange, NotProved, Quote, prove_all

#: A brief is printed up to this many claims; the rest are counted.
CLAIMS_MAX = 200


class Claim(BaseModel):
    """One thing that is claimed in answer to one question, and the words it rests on."""

    model_config = ConfigDict(frozen=True)

    question: str
    text: str
    quotes: tuple[Quote, ...] = ()
    remembered: bool = False  #: proved in an earlier task, and found in memory
    beside: tuple[str, ...] = ()  #: remembered records that were before whoever chose it


class Gap(BaseModel):
    """A question without an answer, and why."""

    model_config = ConfigDict(frozen=True)

    question: str
    reason: str


class Struck(BaseModel):
    """A claim that was taken out, and why."""

    model_config = ConfigDict(frozen=True)

    question: str
    text: str
    reason: str


class Brief(BaseModel):
    """What the desk hands over: the question, its claims, its gaps, what was struck."""

    model_config = ConfigDict(frozen=True)

    question: str
    collection: str
    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    struck: tuple[Struck, ...] = ()
    left_out: tuple[str, ...] = ()  #: sentences on files that were not read
    made_by: Literal["extractive", "model"] = "extractive"


class Fault(BaseModel):
    """What a reviewer holds against one claim of a draft, by its place in it."""

    model_config = ConfigDict(frozen=True)

    claim: int
    reason: str


def faults(claims: Sequence[Claim], known: Mapping[str, Collection]) -> tuple[Fault, ...]:
    """Prove every quote of every claim against its source, and say what is not proved."""
    found: list[Fault] = []
    verdicts = iter(prove_all([one for claim in claims for one in claim.quotes], known))
    for number, claim in enumerate(claims):
        if not claim.quotes:
            found.append(Fault(claim=number, reason="It has no quote."))
        for one in claim.quotes:
            verdict = next(verdicts)
            if isinstance(verdict, NotProved):
                said = f"The quote “{_short(one.text)}” is not proved: {verdict.reason}"
                found.append(Fault(claim=number, reason=said))
    return tuple(found)


def strike(brief: Brief, found: Sequence[Fault]) -> Brief:
    """Take every claim with a fault out of a brief, and say in it what was struck and why."""
    reasons: dict[int, list[str]] = {}
    for fault in found:
        reasons.setdefault(fault.claim, []).append(fault.reason)
    struck = tuple(
        Struck(question=claim.question, text=claim.text, reason=" ".join(reasons[number]))
        for number, claim in enumerate(brief.claims)
        if number in reasons
    )
    kept = tuple(claim for n, claim in enumerate(brief.claims) if n not in reasons)
    return brief.model_copy(update={"claims": kept, "struck": (*brief.struck, *struck)})


def is_refusal(brief: Brief) -> bool:
    """Say whether nothing in a brief rests on a quote, so that it only says what it cannot say."""
    return not any(claim.quotes for claim in brief.claims)


def render(brief: Brief) -> str:
    """Write a brief as Markdown; a claim without a quote is listed as struck, never printed."""
    quoted = [claim for claim in brief.claims if claim.quotes]
    bare = [claim for claim in brief.claims if not claim.quotes]
    lines = [f"# {_plain(brief.question)}", "", _summary(brief, len(quoted)), ""]
    asked = ""
    for claim in quoted[:CLAIMS_MAX]:
        if claim.question != asked:
            asked = claim.question
            lines += [f"## {_plain(asked)}", ""]
        lines += _claim(claim)
    if len(quoted) > CLAIMS_MAX:
        lines += [f"{len(quoted) - CLAIMS_MAX} further claims are not printed.", ""]
    if brief.gaps:
        lines += ["## Not answered", ""]
        lines += [f"- **{_plain(gap.question)}** {_plain(gap.reason)}" for gap in brief.gaps] + [""]
    if brief.struck or bare:
        lines += ["## Struck", "", "These were claimed and are not proved:", ""]
        lines += [f"- {_plain(_short(one.text))} – {_plain(one.reason)}" for one in brief.struck]
        lines += [f"- {_plain(_short(claim.text))} – It has no quote." for claim in bare] + [""]
    if brief.left_out:
        lines += ["## Documents that were not read", ""]
        lines += [f"- {_plain(sentence)}" for sentence in brief.left_out] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _summary(brief: Brief, claims: int) -> str:
    parts: list[str] = []
    if claims == 0:
        parts.append(
            f"The documents of “{brief.collection}” do not answer this; nothing is claimed."
        )
    else:
        verb = "claim, proved" if claims == 1 else "claims, each proved"
        parts.append(
            f"{claims} {verb} against the documents of “{brief.collection}” by its quotes."
        )
    if brief.gaps and claims:
        parts.append(f"{len(brief.gaps)} of the questions stayed without an answer.")
    kept = sum(claim.remembered for claim in brief.claims)
    if kept:
        verb = "is" if kept == 1 else "are"
        parts.append(f"{kept} of them {verb} remembered from earlier tasks and proved once more.")
    if brief.made_by == "extractive":
        parts.append("Written without a language model: sentences were selected, none was written.")
    return " ".join(parts)


def _claim(claim: Claim) -> list[str]:
    lines: list[str] = []
    quoted = {" ".join(one.text.split()) for one in claim.quotes}
    if " ".join(claim.text.split()) not in quoted:
        lines += [_plain(claim.text), ""]
    for one in claim.quotes:
        mark = ", remembered" if claim.remembered else ""
        lines += [f"> {_plain(one.text)}", ">", f"> — {_place(one)}{mark}", ""]
    return lines


def _place(one: Quote) -> str:
    mark = f"sha256 {one.source_sha256[:12]}"
    if isinstance(one.place, ByteRange):
        return f"`{one.source}`, bytes {one.place.start}–{one.place.end}, {mark}"
    page = f", page {one.place.page}" if one.place.page is not None else ""
    return f"`{one.source}`{page}, {mark}"


def _plain(text: str) -> str:
    """Put a text on one line on which it can neither open a tag nor begin a list or a heading."""
    line = " ".join(text.split())
    line = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line)
    return re.sub(r"^(#{1,6}\s|[-+*>]\s|(?:```|~~~))", r"\\\1", line)


def _short(text: str, chars_max: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars_max else f"{line[: chars_max - 1].rstrip()}…"
