"""Splits what a person asks into questions that can be looked up one by one, by written rules.

Guarantees: pure; at most 16 questions, in the order asked, none twice; what is beyond them is
given back, not dropped. The rules read English; other text is taken as one question a sentence.

1. A line that is a list item or ends in a question mark is a question of its own.
2. A text with questions in it is its questions: the other sentences only set the scene.
3. "What is X and how does Y?" is two; "it", "its", "they" in the second mean what the first names.
4. A text without any question is taken as one question a sentence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A task is split into at most this many questions; a question has at most so many characters.
QUESTIONS_MAX, QUESTION_CHARS_MAX = 16, 1_000

_ASKING = (
    r"(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|does|do|did|can|could|should"
    r"|will|would|has|have|must|may)"
)
_TELLING = (
    r"(?:explain|describe|tell|list|name|compare|summari[sz]e|give|find|say|show|state|define"
    r"|outline)"
)
_ITEM = re.compile(r"^\s*(?:[-*+•]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+(?=\S)", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?<=[?!])\s+|(?<=[a-z0-9)\]\"'”]\.)(?<!\b[a-z]\.[a-z]\.)\s+(?=[\"'“(\[]?[A-Z])|;\s+(?=\w)"
)
_JOINT = re.compile(
    rf",?\s+(?:and|or|but)\s+(?:also\s+)?(?=(?:{_ASKING}|in\s+which|at\s+what|for\s+how)\b)|,\s+(?=(?:who|when|where|why|how)\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    rf"^\W*(?:(?:and|so|but|also|then)\s+)?(?:{_ASKING}|{_TELLING})\b", re.IGNORECASE
)
_OPEN = re.compile(rf"^\W*{_ASKING}\b", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\b(it|its|they|their|them|this|that|these|those|he|she|his|her)\b", re.IGNORECASE
)
_POSSESSIVE = frozenset({"its", "their", "his", "her"})
_TOPIC = re.compile(
    r"^\W*(?:what|who|where|how|when|why)\s+(?:is|are|was|were|does|do|did|has|have|can)\s+"
    r"((?:(?:the|a|an)\s+)?[\w’'./-]+(?:\s+(?:of\s+)?(?!is\b|are\b|was\b|do\b|does\b|work\b|mean\b"
    r"|use\b|begin\b|start\b|stop\b|for\b|in\b|on\b|at\b|to\b|by\b|used\b|built\b|made\b|opened\b"
    r"|founded\b|called\b|named\b|located\b)[\w’'./-]+){0,3})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Split:
    """The questions that will be looked up, and those beyond the limit, which will not."""

    questions: tuple[str, ...]
    beyond: tuple[str, ...] = ()


def split(text: str) -> list[str]:
    """Split a text into at most sixteen questions; an empty text gives none."""
    return list(split_all(text).questions)


def split_all(text: str) -> Split:
    """Split a text, and say as well what is beyond the limit."""
    sentences = [sentence for line in _lines(text) for sentence in _sentences(line)]
    asked = [one for one in sentences if one.item or one.text.endswith("?") or _asks(one.text)]
    found: dict[str, str] = {}
    for one in _with_why(asked or sentences):
        for part in _parts(one):
            plain = part.strip()[:QUESTION_CHARS_MAX]
            if any(c.isalnum() for c in plain):
                found.setdefault(" ".join(plain.lower().split()).strip("?.! "), plain)
    questions = tuple(found.values())
    return Split(questions[:QUESTIONS_MAX], questions[QUESTIONS_MAX:])


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    item: bool


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield list items, and what stands between them as one line each."""
    run: list[str] = []
    for line in text.splitlines():
        item = _ITEM.match(line)
        if item or not line.strip() or (run and run[-1].rstrip().endswith("?")):
            if run:
                yield " ".join(run), False
            run = []
        if item:
            yield line[item.end() :].strip(), True
        elif line.strip():
            run.append(line.strip())
    if run:
        yield " ".join(run), False


def _sentences(line: tuple[str, bool]) -> Iterator[_Sentence]:
    text, item = line
    for sentence in _SENTENCE.split(text):
        if sentence.strip():
            yield _Sentence(" ".join(sentence.split()), item)


def _with_why(sentences: list[_Sentence]) -> Iterator[str]:
    """Join a bare "Why?" to the question that it follows."""
    texts = [one.text for one in sentences]
    for text, after in zip(texts, [*texts[1:], ""], strict=False):
        if _BARE.fullmatch(text):
            continue
        bare = _BARE.fullmatch(after)
        yield f"{text.rstrip('?')} and {bare.group(1).lower()}?" if bare else text


_BARE = re.compile(r"\W*(?:and\s+)?(why|how|when|where)\W*", re.IGNORECASE)


def _asks(sentence: str) -> bool:
    return bool(_QUESTION.match(sentence)) and not sentence.endswith(":")


def _parts(sentence: str) -> Iterator[str]:
    """Yield what one sentence asks, each part able to stand alone."""
    if not sentence.endswith("?") or not _OPEN.match(sentence):
        yield sentence
        return
    parts = [part.strip(" ,") for part in _JOINT.split(sentence) if part.strip(" ,?")]
    topic = _topic(parts[0])
    whole: list[str] = []
    for part in parts:
        if whole and (_BARE.fullmatch(part) or (_PRONOUN.search(part) and topic is None)):
            # A bare "why", or a pronoun for which nothing stands, cannot be asked alone.
            whole[-1] = f"{whole[-1].rstrip('?')} and {part}"
        elif whole and topic is not None:
            whole.append(_named(part, topic))
        else:
            whole.append(part)
    for part in whole:
        text = part.rstrip("?").strip()
        yield f"{text[0].upper()}{text[1:]}?"


def _topic(part: str) -> str | None:
    for pattern in (_TOPIC, _THING):
        match = pattern.match(part.rstrip("?"))
        topic = match.group(1).strip() if match else ""
        if topic and not _PRONOUN.fullmatch(topic.split()[0]):
            return topic
    return None


#: "Who built the ferry": what follows the verb is what "it" means later.
_THING = re.compile(
    r"^\W*(?:who|what)\s+\w+\s+((?:the|a|an)\s+[\w’'-]+(?:\s+[\w’'-]+){0,2})$", re.IGNORECASE
)


def _named(part: str, topic: str) -> str:
    """Put the topic in the place of the first pronoun."""

    def name(match: re.Match[str]) -> str:
        return f"{topic}'s" if match.group().lower() in _POSSESSIVE else topic

    if re.match(
        r"(?i)^\W*(?:what|who|which|how)\s+(?:is|are|was|were)\s+(?:that|this|these)\b", part
    ):
        return part
    return _PRONOUN.sub(name, part, count=1)
