"""What those who are trusted have said, and whether a value is among it.

Pure. Guarantees: a value counts as said when it is the whole of a value that was heard, or stands
within a heard text between spaces, quotes or punctuation; never when it is only a part of a word.
A number is the same however it is written (1,500 and "1500.00"), also beside a sign of what it
counts (€20, 20%, #42); digits within a date, a time or a name are none. What is not heard is not
said: whoever is in doubt is told no. Looking up costs nothing until somebody asks.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from types import FunctionType
from typing import Any, Final, cast

import orjson

from handrail.contract.canonical import fields_of, given_beside, plain
from handrail.contract.parts import Parts

HEARD_CHARS_MAX: Final = 1_000_000  #: of all texts; what comes after is not heard
CARRIED_CHARS_MAX: Final = 200  #: of one text that goes on with a handoff; a longer one is cut
VALUES_COUNT_MAX: Final = 10_000  #: of one value that is looked up
#: Characters that are searched for one value: the event loop waits meanwhile. Beyond it words that
#: stand alone are looked up in an index, and nothing more of the value was said.
SEARCHED_CHARS_MAX: Final = 20_000_000
#: Single words of one value that are searched for before an index is made: it costs as much as some
#: hundred searches do.
SEARCHED_WORDS_COUNT_MAX: Final = 200
FUNCTIONS_COUNT_MAX: Final = 1_000  #: whose constants are remembered; a team has one per agent
GIVEN_CHARS_MIN: Final = 8  #: of what a variable holds and no code says
PIECES_COUNT_MAX: Final = 64  #: of one heard word, by the quotes and brackets in it

_BOUND: Final = r"[\s\"'(\[{<]"  #: before a word that stands whole, unless the text begins with it
_BEFORE_WORDS: Final = frozenset(" \"'([{<")  #: the same, of a text in which blanks are all one
_CLOSES = r"(?=[\"')\]}>.,;:!?]*(?:\s|$))"
#: Of a currency. It says what a number counts, as `#` before it and `%` after it do.
_SIGNS: Final = "$\xa2-\xa5\u20a0-\u20cf"
#: What stands between a number's first digit and the bound before it. A search that begins with a
#: digit passes over text without any at once; one that begins with a bound tries every place.
_BEFORE: Final = "|".join(
    rf"(?<={bound}{signs}\d)"
    for bound in ("^", _BOUND)
    for signs in ("", "[-+]", f"[#{_SIGNS}]", f"[#{_SIGNS}][-+]")
)
#: One with a leading zero is a name, such as a customer's: 0030 is neither 30 nor the name 30.
_WHOLE: Final = r"(?:(?<=0)|(?<!0)(?:\d{0,2}(?:,\d{3})+|\d*))"
_NUMBER = re.compile(rf"(\d(?<!\w\d)(?:{_BEFORE}){_WHOLE}(?:\.\d+)?)[%{_SIGNS}]?{_CLOSES}")
#: The texts that are looked up as numbers are; any other is the same only as it is written.
_NUMERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_OPENING, _CLOSING = frozenset("\"'([{<"), frozenset("\"')]}>.,;:!?")
_DIGITS_MAX: Final = 40
_SIMPLE: Final = frozenset({str, int, float})


@dataclasses.dataclass(frozen=True, slots=True)
class _Flag:
    name: str
    value: bool


class Words:
    """All that somebody trusted has said to one run."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._heard: list[object] = []  # not looked into yet
        self._texts: list[str] = []
        self._whole: set[str] = set()
        self._counted_count = 0  # of the texts whose numbers are known
        self._numbers: set[Decimal] = set()
        self._flags: set[_Flag] = set()
        self._endorsed: set[tuple[str, object]] = set()  # each under the name of its field
        self._room = HEARD_CHARS_MAX
        self._indexed_count = 0  # of the texts whose words are known
        self._pieces: set[str] = set()  # of the heard words, what may stand in one of them
        self._has_odd_words = False  # some have too many pieces to be known by them
        self._known: dict[str, bool] = {}  # what was searched for, until more is heard

    def hear(self, value: object) -> None:
        """Take in what somebody trusted has said: a text, a number, or whatever is made of them."""
        self._heard.append(value)

    def hear_endorsed(self, value: object) -> None:
        """Take in what somebody has closed: each text and number counts under its field's name.

        Whoever was read has chosen it for that field, and would mean another thing by it elsewhere.
        It is not carried on: those who come after do not know what it was closed for.
        """
        found = [(called, _as_known(leaf)) for called, leaf in _leaves(value) if called]
        self._endorsed.update(found)

    def said(self, value: object, name: str = "") -> bool:
        """Say whether every text and number of a value was said, and each flag under its name.

        Of a mapping the names count as well, of a model only those that it does not declare.
        """
        self._take_in()
        leaves = _leaves(value, name)
        search = _Search()
        return len(leaves) <= VALUES_COUNT_MAX and all(
            self._says(one, search) or (called, _as_known(one)) in self._endorsed
            for called, one in leaves
        )

    def carried(self, bytes_max: int) -> tuple[str, ...]:
        """Give as many of the shorter texts as fit, the first first, for those who come after."""
        self._take_in()
        found: dict[str, None] = {}
        room = bytes_max
        for text in self._texts:
            cut = _cut(text)
            try:
                size = len(orjson.dumps(cut)) + 1
            except TypeError:
                continue  # half a character, as code may hold one, stands in no header
            if cut and cut not in found and size <= room:
                found[cut] = None
                room -= size
        return tuple(found)

    # ---- inside

    def _take_in(self) -> None:
        heard, self._heard = self._heard, []
        for value in heard:
            for _, leaf in _leaves(value):
                self._take(leaf)

    def _take(self, leaf: object) -> None:
        if isinstance(leaf, _Flag):
            self._flags.add(leaf)
            return
        text = _text(leaf)
        if not text or len(text) > self._room:
            return
        self._room -= len(text)
        self._texts.append(text)
        self._whole.add(text)
        self._known.clear()
        if text[0] in '{["':
            try:
                inner: object = orjson.loads(cast("str", leaf))
            except (orjson.JSONDecodeError, TypeError):
                return
            for _, one in _leaves(inner):
                self._take(one)

    def _has_number(self, number: Decimal) -> bool:
        texts = self._texts[self._counted_count :]
        self._counted_count = len(self._texts)
        for text in texts:
            self._numbers.update(_numbers(text))
        return number in self._numbers

    def _has_word(self, word: str) -> bool:
        texts = self._texts[self._indexed_count :]
        self._indexed_count = len(self._texts)
        for text in texts:
            for one in text.split(" "):
                pieces = _pieces(one)
                self._pieces.update(pieces)
                self._has_odd_words = self._has_odd_words or not pieces
        return word in self._pieces

    def _says(self, leaf: object, search: "_Search") -> bool:
        if isinstance(leaf, _Flag):
            return leaf in self._flags
        known_as = _as_known(leaf)
        if isinstance(known_as, Decimal):
            return self._has_number(known_as)
        if isinstance(leaf, int | float | Decimal):
            return False  # nobody says what is not finite, or has more digits than are read
        text = _text(leaf)
        if not text or text in self._whole:
            return True
        known = self._known.get(text)
        if known is None:
            known = self._searched(text, search)
        return known

    def _searched(self, text: str, search: "_Search") -> bool:
        heard_count = HEARD_CHARS_MAX - self._room
        if " " not in text:
            search.words_count += 1
            many = search.words_count * max(
                heard_count, SEARCHED_CHARS_MAX // SEARCHED_WORDS_COUNT_MAX
            )
            if many > SEARCHED_CHARS_MAX and (self._has_word(text) or not self._has_odd_words):
                return text in self._pieces
        search.room -= heard_count
        known = any(_stands_in(one, text, search) for one in self._texts)
        if search.room < 0:
            return False
        self._known[text] = known
        return known


@dataclasses.dataclass(slots=True)
class _Search:
    room: int = SEARCHED_CHARS_MAX
    words_count: int = 0


def _stands_in(heard: str, text: str, search: _Search) -> bool:
    """Say whether a text stands whole within a heard one; false once there is no room left."""
    run_end = 0  # of the closing signs that were looked through last
    at = heard.find(text)
    while at >= 0 and search.room >= 0:
        if at == 0 or heard[at - 1] in _BEFORE_WORDS:
            # Signs of one run have the same end: it is not looked for from each of them.
            run_end = max(run_end, at + len(text))
            while run_end < len(heard) and heard[run_end] in _CLOSING:
                run_end += 1
            if run_end == len(heard) or heard[run_end] == " ":
                return True
        search.room -= len(text)  # as many signs were compared for it
        at = heard.find(text, at + 1)
    return False


def _pieces(word: str) -> set[str]:
    """Give what stands in a word between quotes, brackets and punctuation; none if it is odd."""
    ends = [len(word)]
    while ends[-1] and word[ends[-1] - 1] in _CLOSING:
        ends.append(ends[-1] - 1)
    starts = [0, *(at + 1 for at, one in enumerate(word) if one in _OPENING)]
    if len(starts) * len(ends) > PIECES_COUNT_MAX:
        return set()
    return {word[start:end] for start in starts for end in ends if start < end}


def _leaves(value: object, name: str = "") -> list[tuple[str, object]]:
    """Give the texts, numbers and flags of a value, in order, each with its field's name."""
    found: list[tuple[str, object]] = []
    todo: list[tuple[str, object]] = [(name, value)]
    while todo and len(found) <= VALUES_COUNT_MAX:
        called, one = todo.pop()
        if type(one) in _SIMPLE:  # most are, and need no further look
            found.append((called, one))
        elif isinstance(one, Enum):
            todo.append((called, cast("object", one.value)))
        elif isinstance(one, bool):
            found.append((called, _Flag(called, one)))
        elif isinstance(one, str | int | float | Decimal):
            found.append((called, one))
        elif (within := _within(called, one)) is not None:
            todo.extend(reversed(within))
        elif one is not None:
            found.append((called, str(plain(one))))
    return found


def _as_known(leaf: object) -> object:
    """Give a leaf in the form in which it is the same however it is written."""
    if isinstance(leaf, _Flag):
        return leaf
    text = _text(leaf)
    is_number = isinstance(leaf, int | float | Decimal) or _NUMERAL.fullmatch(text)
    number = _number(text) if is_number else None
    return text if number is None else number


def _within(called: str, value: object) -> list[tuple[str, object]] | None:
    """Give what a value is made of; None for what is one of a piece."""
    if (fields := fields_of(value)) is not None:
        return [*fields.items(), *_with_names(given_beside(value))]
    if isinstance(value, Mapping):
        return _with_names(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple | set | frozenset | Parts):
        return [(called, one) for one in cast("Iterable[object]", value)]
    return None


def _with_names(named: Mapping[Any, object]) -> list[tuple[str, object]]:
    return [one for name, inner in named.items() for one in (("", name), (str(name), inner))]


def _text(leaf: object) -> str:
    return " ".join(str(leaf).casefold().split())


def _numbers(text: str) -> Iterable[Decimal]:
    for found in _NUMBER.finditer(text):
        before = text[found.start() - 1 : found.start()]
        sign = before if before in ("-", "+") else ""
        number = _number(sign + found[1].replace(",", ""))
        if number is not None:
            yield number


def _number(text: str) -> Decimal | None:
    if not text or len(text) > _DIGITS_MAX:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _cut(text: str) -> str:
    """Give the beginning of a text, whole words of it."""
    if len(text) <= CARRIED_CHARS_MAX:
        return text
    return text[:CARRIED_CHARS_MAX].rpartition(" ")[0]


def constants_of(
    function: Any,  # noqa: ANN401 - whatever a handler is
    given: frozenset[str] = frozenset(),
) -> Sequence[object]:
    """Give what the code of a function says itself: its constants, and those of its module.

    They were fixed when the code was written, so nobody who is read can have chosen them. `given`
    are texts that were not, such as what the variables of a process hold: one of them may be a key,
    and what is said here travels with the handoffs. A short one is a word like others.
    """
    code = getattr(function, "__func__", function)
    return _constants_of(code, given) if isinstance(code, FunctionType) else ()


@lru_cache(maxsize=FUNCTIONS_COUNT_MAX)
def _constants_of(function: FunctionType, given: frozenset[str]) -> Sequence[object]:
    names: Mapping[str, object] = function.__globals__
    found: list[object] = []
    todo: list[Any] = [function.__code__]
    while todo:
        one = todo.pop()
        found += [names[name] for name in one.co_names if _is_plain(names.get(name))]
        for constant in one.co_consts:
            if hasattr(constant, "co_consts"):
                todo.append(constant)
            elif _is_plain(constant):
                found.append(constant)
    return tuple(one for one in found if not _is_given(one, given))


def _is_given(value: object, given: frozenset[str]) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(_is_given(one, given) for one in cast("Iterable[object]", value))
    return isinstance(value, str) and len(value) >= GIVEN_CHARS_MIN and value in given


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_plain, cast("Iterable[object]", value)))
    return isinstance(value, str | int | float | Decimal)
