"""Where in which file of a policy something stands: Cedar's own errors say neither.

A *statement* is one rule with what stands before it, up to its semicolon. Everything here is pure
and knows of Cedar's language only strings, comments and semicolons; whether a text is a rule is
asked of the parser that is handed in.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

#: What a parser gets for a text: None when it can be read, else what is wrong with it.
Parse = Callable[[str], str | None]

UNFINISHED: Final = "unexpected end of input"  #: what cedarpy 4.12 says of a rule that is cut
_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|\w+|\s+|.', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One rule as it stands in its file."""

    file: str
    line: int  #: on which its first word stands, counted from 1
    tokens: tuple[str, ...]  #: comments and blanks between them are kept

    @property
    def text(self) -> str:
        """The rule, as written."""
        return "".join(self.tokens)

    @property
    def place(self) -> str:
        """Where it begins, for people."""
        return f"{self.file}, line {self.line}"

    def place_of(self, kind: str, name: str | None) -> str:
        """Give where it speaks of this kind of thing, or of the one with this name."""
        end = r"\b" if name is None else rf'\s*::\s*"{re.escape(name)}"'
        found = re.search(rf"\b{re.escape(kind)}{end}", self.text)
        return self.place_at(found.start() if found is not None else 0)

    def place_at(self, offset: int) -> str:
        """Give where the character stands, counted from the beginning of the rule."""
        return f"{self.file}, line {self.line + self.text[:offset].count(chr(10))}"


def statements(file: str, text: str) -> list[Statement]:
    """Split the text of a file into its rules; the last may be unfinished."""
    found: list[Statement] = []
    line = first = 1
    tokens: list[str] = []
    for piece in _TOKEN.findall(text):
        blank = piece.isspace() or piece.startswith("//")
        if not tokens:
            first = line
        if tokens or not blank:
            tokens.append(piece)
        line += piece.count("\n")
        if piece == ";":
            found.append(Statement(file, first, tuple(tokens)))
            tokens = []
    if tokens:
        found.append(Statement(file, first, tuple(tokens)))
    return found


def fault(rules: Sequence[Statement], parse: Parse) -> tuple[str, str] | None:
    """Give what is wrong with the first rule that cannot be read, and where; None without one."""
    for rule in rules:
        problem = parse(rule.text)
        if problem is None:
            continue
        if problem == UNFINISHED:
            return "a rule is not finished: its `;` or a bracket is missing", rule.place

        # A beginning of a rule is unfinished and nothing else, up to the word that is wrong.
        def is_wrong(count: int, rule: Statement = rule) -> bool:
            return parse("".join(rule.tokens[: count + 1])) not in {None, UNFINISHED}

        count = bisect_left(range(len(rule.tokens) - 1), True, key=is_wrong)
        if count == len(rule.tokens) - 1:
            # It is a whole sentence, and what it says cannot be: the name that is told, if any.
            told = re.search(r"[`'](\w+)[`']|: (\w+)$", problem)
            word = next((part for part in told.groups() if part), "") if told else ""
            return problem, rule.place_of(word, None) if word else rule.place
        return problem, rule.place_at(len("".join(rule.tokens[:count])))
    return None
