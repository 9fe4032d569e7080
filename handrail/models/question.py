"""Reads an English question: what it is about, and what kind of answer would answer it.

Guarantees: pure; a question without any word of its own yields no terms, which the selection
refuses. The reading is by word lists and order, not by grammar.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from handrail.models.vocabulary import GENERIC, LOOSE, STOP
from handrail.models.words import Word, identifiers, stem, words

#: How much each kind of term weighs in what an answer must cover.
WEIGHT_NAME, WEIGHT_PLAIN, WEIGHT_LOOSE, WEIGHT_GENERIC = 1.6, 1.0, 0.5, 0.25
assert WEIGHT_GENERIC < WEIGHT_LOOSE < WEIGHT_PLAIN < WEIGHT_NAME

#: Above this part of capitalised words a question is a headline, and capitals name nothing.
HEADLINE_PART_MIN, HEADLINE_WORDS_MIN = 0.7, 4


class Answer(StrEnum):
    """What kind of thing would answer a question."""

    ANYTHING = "an answer"  #: no kind could be read from the question
    COUNT = "a number"
    DURATION = "a length of time"
    DISTANCE = "a distance"
    LENGTH = "a length"
    VERSION = "a version"
    PHONE = "a telephone number"
    FREQUENCY = "how often"
    MONEY = "an amount of money"
    WEIGHT = "a weight"
    TEMPERATURE = "a temperature"
    SPEED = "a speed"
    AGE = "an age"
    SHARE = "a percentage"
    MOMENT = "a time or a condition"
    DATE = "a date"
    YEAR = "a year"
    CLOCK = "a time of day"
    PERSON = "a person or a group"
    PLACE = "a place"
    COLOR = "a colour"
    REASON = "a reason"


@dataclass(frozen=True, slots=True)
class Term:
    """One word that the answer has to cover."""

    text: str
    stem: str
    weight: float
    name: bool  #: written like a name; a passage without it speaks of something else


@dataclass(frozen=True, slots=True)
class Question:
    """What a question is about and what would answer it."""

    text: str
    terms: tuple[Term, ...]
    identifiers: tuple[str, ...]
    answer: Answer
    counted: str | None  #: the stem of what is counted in "how many X"
    subject: str | None  #: the stem of X in "what is X"
    typed: frozenset[str]  #: the stems of "disk usage" in "at what disk usage"
    pivot: str | None  #: the stem of the verb in "who built X": without it nothing is answered


_OPENING = re.compile(
    r"\b(how\s+(?:many|much|long|often|frequently|far|big|large|small|old|tall|high|deep|wide|heavy"
    r"|fast|hot|cold|soon|late|early|quickly|thick|loud)|who|whom|whose|when|where|why|how"
    r"|what|which)\b",
    re.IGNORECASE,
)
_BY_OPENING = {
    "how many": Answer.COUNT, "how much": Answer.COUNT, "how long": Answer.DURATION,
    "how often": Answer.FREQUENCY, "how frequently": Answer.FREQUENCY, "how far": Answer.DISTANCE,
    "how old": Answer.AGE, "how big": Answer.COUNT, "how large": Answer.COUNT,
    "how tall": Answer.DISTANCE, "how high": Answer.COUNT, "how deep": Answer.DISTANCE,
    "how wide": Answer.DISTANCE, "how heavy": Answer.WEIGHT, "how fast": Answer.SPEED,
    "how hot": Answer.TEMPERATURE, "how cold": Answer.TEMPERATURE, "how soon": Answer.MOMENT,
    "how late": Answer.MOMENT, "how early": Answer.MOMENT, "how quickly": Answer.MOMENT,
    "how thick": Answer.DISTANCE, "how loud": Answer.COUNT, "how small": Answer.COUNT,
    "who": Answer.PERSON, "whom": Answer.PERSON, "whose": Answer.PERSON, "when": Answer.MOMENT,
    "where": Answer.PLACE, "why": Answer.REASON,
}  # fmt: skip
_BY_NOUN = {
    "year": Answer.YEAR, "date": Answer.DATE, "day": Answer.MOMENT, "month": Answer.DATE,
    "percentage": Answer.SHARE, "percent": Answer.SHARE, "share": Answer.SHARE,
    "number": Answer.COUNT, "amount": Answer.COUNT, "port": Answer.COUNT, "size": Answer.COUNT,
    "speed": Answer.SPEED, "age": Answer.AGE, "temperature": Answer.TEMPERATURE,
    "price": Answer.MONEY, "cost": Answer.MONEY, "fee": Answer.MONEY, "salary": Answer.MONEY,
    "fare": Answer.MONEY, "budget": Answer.MONEY, "length": Answer.COUNT, "weight": Answer.WEIGHT,
    "height": Answer.DISTANCE, "depth": Answer.DISTANCE,
    "color": Answer.COLOR, "colour": Answer.COLOR,
    "population": Answer.COUNT, "version": Answer.VERSION, "time": Answer.MOMENT,
    "distance": Answer.DISTANCE, "capacity": Answer.COUNT, "frequency": Answer.FREQUENCY,
    "duration": Answer.DURATION, "limit": Answer.COUNT, "phone": Answer.PHONE,
    "person": Answer.PERSON, "reason": Answer.REASON, "place": Answer.PLACE, "hour": Answer.COUNT,
    "area": Answer.COUNT, "fraction": Answer.COUNT, "rate": Answer.COUNT, "hours": Answer.COUNT,
}  # fmt: skip
_MONEY = re.compile(
    r"\bhow much\b.*\b(cost|costs|pay|paid|charge|charged|fee|fine|earn|price|refund(?:ed)?|worth"
    r"|spend|spent|money)\b",
    re.IGNORECASE,
)
_HOW_LONG_BE = re.compile(r"\bhow long (?:may|can|must|should|could)\b.*\bbe\W*$", re.IGNORECASE)
_PHONE = re.compile(r"\b(?:phone|telephone|mobile|fax) number\b", re.IGNORECASE)
_PAST = re.compile(r"^\W*\w*\s*when\s+(was|were|did|will)\b", re.IGNORECASE)
#: "Who was Ada Lovelace" asks what there is to say of her.
_WHO_IS = re.compile(r"^\W*[Ww]ho\s+(?:is|are|was|were)(?:\s+[A-ZÀ-Þ][\w.'’-]*)+\W*$")
_CLOCK = re.compile(r"\b(what|which)\s+time\b", re.IGNORECASE)
_NOUN_AFTER = re.compile(
    r"\b(?:what|which)\b\s+(?:(?:is|are|was|were|'s)\s+)?(?:the\s+|a\s+|an\s+|its\s+|their\s+)?"
    r"((?:[\w'’.-]+\s*){1,5})",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"^\W*(?:what|who)\s+(?:is|are|was|were)\s+(?:an?\s+|the\s+)?([\w’'.-]+(?:\s+[\w’'.-]+){0,2})\W*$",
    re.IGNORECASE,
)


def read(text: str) -> Question:
    """Read a question; nothing in it raises."""
    found = words(text)
    answer, used = _kind(text)
    names = _names(text, found)
    head, opening = _typed(text), _OPENING.search(text)
    asking = opening.group().lower().split() if opening else []
    terms: dict[str, Term] = {}
    for word in found:
        lower = word.text.lower()
        lower = lower.replace("’", "'")
        if lower in STOP or lower.endswith("n't") or lower in used or word.stem in terms:
            continue
        name = word.stem in names
        weight = _weight(word, names, head, answer)
        if lower in asking:
            weight = WEIGHT_GENERIC
        if _is_joined(text, word):
            weight = max(weight, WEIGHT_PLAIN)
        terms[word.stem] = Term(word.text, word.stem, weight, name)
    return Question(
        text=text,
        terms=tuple(terms.values()),
        identifiers=identifiers(text),
        answer=answer,
        counted=_counted(text),
        subject=_subject(text),
        typed=head if answer is Answer.ANYTHING else frozenset(),
        pivot=_pivot(text),
    )


def _is_joined(text: str, word: Word) -> bool:
    """Say whether a word is half of one such as "part-time", which means more than its halves."""
    return text[word.end : word.end + 1] == "-" or text[max(0, word.start - 1) : word.start] == "-"


_GENERIC_STEMS = frozenset(stem(word) for word in GENERIC)
_LOOSE_STEMS = frozenset(stem(word) for word in LOOSE)

#: Questions whose verb is the point of them: who did it, when was it done.
_BY_NAME = frozenset({Answer.ANYTHING, Answer.COUNT, Answer.MONEY})
_BY_VERB = frozenset({Answer.PERSON, Answer.DATE, Answer.YEAR})


def _weight(word: Word, names: frozenset[str], head: frozenset[str], answer: Answer) -> float:
    if word.stem in names:
        return WEIGHT_NAME
    if word.text.lower() in GENERIC or word.stem in _GENERIC_STEMS:
        return WEIGHT_GENERIC
    loose = word.stem in _LOOSE_STEMS and answer not in _BY_VERB
    # "Which algorithm signs it" is answered by the algorithm's name, not by the word.
    return WEIGHT_LOOSE if loose or (word.stem in head and answer in _BY_NAME) else WEIGHT_PLAIN


_WHICH = re.compile(r"\b(?:what|which)\s+((?:[\w-]+\s+){1,4})", re.IGNORECASE)


def _typed(text: str) -> frozenset[str]:
    """Find the words of "disk usage" in "at what disk usage should": they name a kind of answer."""
    match = _WHICH.search(text)
    phrase: list[str] = []
    for word in match.group(1).lower().split() if match else ():
        if word in STOP or (phrase and stem(word) in _LOOSE_STEMS):
            break
        phrase.append(stem(word))
    return frozenset(phrase)


_ONLY_ASK = frozenset(
    "how many much long often frequently soon who whom whose when where why what which".split()
)


def _kind(text: str) -> tuple[Answer, frozenset[str]]:
    """Say what would answer, and which words of the question only ask for it."""
    opening = _OPENING.search(text)
    if opening is None:
        return Answer.ANYTHING, frozenset()
    said = " ".join(opening.group().lower().split())
    # "Heavy" in "how heavy" is a word to look for as well; "how" and "many" only ask.
    used = frozenset(said.split()) & _ONLY_ASK
    if _MONEY.search(text):
        return Answer.MONEY, used
    if _HOW_LONG_BE.search(text):
        return Answer.LENGTH, used
    if _PHONE.search(text):
        return Answer.PHONE, used | {"phone", "telephone", "mobile", "fax", "number"}
    if _CLOCK.search(text):
        return Answer.CLOCK, used | {"time"}
    if said == "who" and _WHO_IS.match(text):
        return Answer.ANYTHING, used
    if said == "when" and _PAST.search(text):
        return Answer.DATE, used
    if said in {"what", "which"}:
        noun = _noun(text)
        if noun in _BY_NOUN:
            return _BY_NOUN[noun], used if noun not in _ASKED_ONLY else used | {noun}
        return Answer.ANYTHING, used
    return _BY_OPENING.get(said, Answer.ANYTHING), used


#: Nouns that name the kind of answer and are not repeated by it: "in what year", "what colour".
_ASKED_ONLY = frozenset(
    "year date day month version color colour number amount person reason place".split()
)


def _noun(text: str) -> str:
    """Find the head of the phrase after "what": the word before "of", "is", "does" or the end."""
    match = _NOUN_AFTER.search(text)
    if match is None:
        return ""
    head = ""
    for word in match.group(1).lower().replace("’", "'").split():
        plain = word.strip(".'-")
        if plain in STOP and head:
            break
        head = plain
    return head


_COUNTED = re.compile(r"\bhow many\s+([\w’'.-]+(?:\s+[\w’'.-]+){0,3})", re.IGNORECASE)
_NUMBERED = frozenset("port level layer chapter".split())
#: Words before which a phrase such as "leap seconds" or "study rooms" has ended.
_PHRASE_ENDS = frozenset(
    """in on at of for from to by with per fit work make go take need keep live exist happen there
    left remain use get come belong""".split()
)


def _counted(text: str) -> str | None:
    """Find what is counted: the last noun of "how many leap seconds have", "which port"."""
    match = _COUNTED.search(text)
    if match is None:
        noun = _noun(text) if _OPENING.search(text) else ""
        return stem(noun) if noun in _NUMBERED else None
    last = ""
    for word in match.group(1).lower().split():
        plain = word.strip(".?'")
        if last and (plain in STOP or plain in _PHRASE_ENDS or plain in LOOSE):
            break
        last = plain
    return stem(last) if last else None


def _subject(text: str) -> str | None:
    match = _SUBJECT.match(text)
    if match is None:
        return None
    return words(match.group(1))[-1].stem if words(match.group(1)) else None


#: Where the verb stands that a question turns on.
_PIVOTS = (
    re.compile(r"^\W*what\s+(?:do|does|did)\b.*?([\w-]+)\W*$", re.IGNORECASE),
    re.compile(
        r"^\W*who\s+(?:first\s+|will\s+)?(?!is\b|are\b|was\b|were\b|has\b|have\b|does\b|do\b|did\b)([\w-]+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"^\W*who\s+(?:is|are|was|were)\s+(?:the|an?|our|your)\s+(?:[\w-]+\s+){0,3}?([\w-]+)"
        r"(?=\s+(?:of|in|at|for|on|now|today|this|to|with)\b|\W*$)",
        re.IGNORECASE,
    ),
    re.compile(
        r"^\W*(?:when|where|in\s+(?:what|which)\s+year)\s+(?:was|were|did|will)\b.*?([\w-]+)\W*$",
        re.IGNORECASE,
    ),
    re.compile(
        r"^\W*how\s+(?:is|are|was|were)\b.*?([\w-]+(?:ed|en|ught|wn|ilt|de|ld|pt|nt))"
        r"(?:\s+(?:for|in|on|to|by|up|out|of|with))?\W*$",
        re.IGNORECASE,
    ),
)


def _pivot(text: str) -> str | None:
    for pattern in _PIVOTS:
        match = pattern.match(text)
        last = match.group(1).lower() if match else ""
        if last and last not in STOP and last not in GENERIC and stem(last) not in _GENERIC_STEMS:
            return stem(last)
    return None


def _names(text: str, found: tuple[Word, ...]) -> frozenset[str]:
    """Find stems of words written like names: capitals within the sentence, digits, quotes."""
    bare = [w for w in found if w.text.lower() not in STOP]
    capital = [w for w in bare if w.text[0].isupper() and not _opens(text, w)]
    headline = len(bare) >= HEADLINE_WORDS_MIN and len(capital) > HEADLINE_PART_MIN * len(bare)
    names = {w.stem for w in bare if any(c.isdigit() for c in w.text)}
    if not headline:
        names |= {w.stem for w in capital}
    names |= {w.stem for w in bare if len(w.text) > 1 and w.text.isupper() and not text.isupper()}
    for quoted in re.findall(r"[`\"“]([^`\"”]{1,80})[`\"”]", text):
        names |= {w.stem for w in words(quoted) if w.text.lower() not in STOP}
    return frozenset(names)


def _opens(text: str, word: Word) -> bool:
    before = text[: word.start].rstrip()
    return not before or before[-1] in ".!?:"
