"""Decides whether a sentence holds the kind of thing that a question asks for.

Guarantees: pure; what stands in the question itself is never taken for its answer.
"""

import re
from collections.abc import Sequence

from handrail.models.question import Answer, Question
from handrail.models.words import Word, is_known, likeness, stem, words

_NUMBER_WORD = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    r"|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|quarter|third|twice|once)"
)
# A figure is read once, from its beginning: it may be nothing but digits and commas.
_FIGURE = r"(?:(?<![\w.,\u202f])|(?<=[^\d,.\u202f],))\d[\d,.\u202f]*+"
_COUNT = rf"(?:{_FIGURE}|\b{_NUMBER_WORD}\b)"
_SPAN = (
    r"(?:nanoseconds?|microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|nights?|weeks?"
    r"|fortnights?|months?|quarters?|years?|decades?|century|centuries|ms|sec|mins?|hrs?|[smhd])\b"
)
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_YEAR = r"\b(?:1\d{3}|20\d{2})s?\b|\b\d{3,4}\s*(?:bc|ad|bce|ce)\b"
_DATE = (
    rf"{_YEAR}|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b|\b{_MONTH}\s+\d"
    r"|(?<!\d)\d++(?:st|nd|rd|th) century"
)
_CLOCK = (
    r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s*(?:am|pm|a\.m|p\.m|o'clock|h)\b"
    r"|\b(?:noon|midnight|dawn|dusk|sunrise|sunset)\b"
)
_CONDITION = (
    r"\b(?:when|whenever|if|once|after|before|until|unless|as soon as|while|during|on|at|within"
    r"|upon|since|by|in|every|each|daily|weekly|monthly|never|always|immediately|only)\b"
)
_PLACE = (
    r"\b(?:in|at|on|under|inside|near|beside|behind|above|below|from|into|to|within|between|along"
    r"|next to|opposite|outside|over|beneath|around|through|across|by|off|via)\b|[/\\]\w"
)
_REASON = (
    r"\b(?:because|since|so|so that|in order to|to|therefore|reason|due|otherwise|for|as|avoid"
    r"|prevent|would|means?|cannot|without|else|thus|hence|which)\b"
)
_COLOR = (
    r"\b(?:red|orange|yellow|green|blue|indigo|violet|purple|pink|brown|black|white|gr[ae]y|gold"
    r"|golden|silver|beige|turquoise|cyan|magenta|crimson|scarlet|amber|bronze|cream|navy|teal"
    r"|maroon|olive|copper|ivory|lilac|tan|transparent|colou?rless)\b"
)
_SHARE = (
    rf"{_COUNT}\s*(?:%|per\s?cent|percentage|percent)"
    r"|\b(?:half|third|quarter|fifth|tenth|all|none)s?\b"
)
_DISTANCE = (
    rf"{_COUNT}[\s-]*(?:km|kilomet(?:re|er)s?|miles?|met(?:re|er)s?|cm|mm|centimet(?:re|er)s?"
    r"|millimet(?:re|er)s?|feet|foot|ft|inch(?:es)?|yards?|nautical|fathoms?|m|pages?|hops?)\b"
)
_MONEY = (
    rf"[$€£¥]\s*\d|{_COUNT}\s*(?:[$€£¥]|euros?|dollars?|pounds?|cents?|pence|eur|usd|gbp|chf"
    r"|francs?|yen|crowns?)\b|\bfree\b|\bno charge\b"
)
_WEIGHT = (
    rf"{_COUNT}[\s-]*(?:kg|kilos?|kilograms?|g|grams?|mg|milligrams?|tons?|tonnes?|pounds?|lbs?"
    r"|ounces?|oz)\b"
)
_DEGREES = (
    rf"{_COUNT}\s*(?:°|degrees?|celsius|fahrenheit|kelvin)"
    r"|\b(?:boiling|freezing|room temperature)\b|\d{2,4}\s*\|?$"
)
_SPEED = (
    rf"{_COUNT}[\s-]*(?:knots?|km/h|kmh|mph|m/s"
    r"|[\w ]{0,20}(?:per|an?|each|/)\s*(?:second|minute|hour|day|s|h))\b"
    rf"|{_COUNT}[\s-]*(?:\w+[\s-]+)?{_SPAN}"
)
_AGE = rf"{_COUNT}[\s-]*(?:years?|months?|weeks?|days?|centur\w+|decades?|millennia)\b|{_YEAR}"
_OFTEN = (
    r"\b(?:every|each|daily|weekly|monthly|yearly|hourly|annually|quarterly|once|twice|per"
    r"|always|never|continuously|constantly|a (?:day|week|month|year|second|minute))\b"
)
_DURATION = (
    rf"{_COUNT}[\s-]*(?:\w+[\s-]+)?{_SPAN}"
    r"|\b(?:forever|indefinitely|permanently|until|overnight|as long as"
    r"|an? (?:\w+ )?(?:second|minute|hour|day|week|month|year|decade|century))\b"
    rf"|{_COUNT}[\s-]*(?:met(?:re|er)s?|km|kilomet|mm|cm|feet|miles?|m)\b"
)
_LENGTH = (
    rf"{_COUNT}\s*(?:characters?|letters?|signs?|bytes?|[kmg]i?b|words?|lines?|pages?|digits?"
    rf"|levels?)\b|{_DISTANCE}"
)

_PATTERN = {
    Answer.COUNT: _COUNT,
    Answer.DURATION: _DURATION,
    Answer.DISTANCE: _DISTANCE,
    Answer.LENGTH: _LENGTH,
    Answer.VERSION: r"\bversions?\s+\d|(?<![\w.])v?\d+(?:\.\d+)+\b|\b[A-Z]\w+ \d+\b",
    Answer.PHONE: r"\+?\d[\d ()/-]{3,}\d",
    Answer.FREQUENCY: _OFTEN,
    Answer.MONEY: _MONEY,
    Answer.SHARE: _SHARE,
    Answer.WEIGHT: _WEIGHT,
    Answer.TEMPERATURE: _DEGREES,
    Answer.SPEED: _SPEED,
    Answer.AGE: _AGE,
    Answer.DATE: rf"{_DATE}|\b{_WEEKDAY}\b|\b{_MONTH}\b",
    Answer.YEAR: _YEAR,
    Answer.CLOCK: _CLOCK,
    Answer.MOMENT: rf"{_DATE}|{_CLOCK}|{_CONDITION}|\b{_WEEKDAY}\b|\b{_MONTH}\b",
    Answer.COLOR: _COLOR,
    Answer.PLACE: _PLACE,
    Answer.REASON: _REASON,
}
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _PATTERN.items()}

_ROLE = re.compile(
    r"\b(?:team|group|staff|department|committee|council|board|company|crew|nobody|anyone|everyone"
    r"|person|people|men|women|man|woman|members?|family|king|queen|nurse|cook|clerk|guard|lead|chief"
    r"|captain|police|university|(?:the|an?|our|your|each|every|any|two|three|first|line|by)\s+"
    r"(?:\w+\s+)?[a-z]{3,}(?:ers?|ors?|ists?|ians?|ants?|ees?|yst))\b",
    re.IGNORECASE,
)
#: "Who built it" is answered by a name; "who approves it" may be answered by a role.
_WHO_DID = re.compile(
    r"\bwho(?:m|se)?\s+(?:(?:first|once|originally)\s+)?(?:\w+ed|is|are|was|were|did|wrote|built|made|found"
    r"|led|won|began|gave|took|sold|bought|drew|wrote|taught|brought|became|came|sang|ran|held|chose)\b",
    re.IGNORECASE,
)
#: Words that end like a role and are none.
_NO_ROLE = frozenset(
    """after other whether over under number never ever order however either offer together later
    another water paper letter matter better further former latter computer server broker folder
    center power layer buffer header cluster counter error color factor vector sector monitor
    important constant instant relevant warrant current different restaurant plant grant want
    want variant significant distant invariant three degree free tree agree fee see need between
    guarantee been exist consist list first river summer winter corner timer marker pointer
    container register filter parameter diameter meter per her infer refer prefer enter consider
    remember deliver cover answer trigger transfer tower quarter master cylinder mirror motor
    tractor reactor remainder door floor for nor or minor major prior interior exterior""".split()
)
#: Groups of answers whose absence from a quote refuses it, whatever else it says.
HARD = frozenset(
    {
        Answer.COUNT,
        Answer.DURATION,
        Answer.DISTANCE,
        Answer.LENGTH,
        Answer.PHONE,
        Answer.VERSION,
        Answer.FREQUENCY,
        Answer.MONEY,
        Answer.SHARE,
        Answer.WEIGHT,
        Answer.TEMPERATURE,
        Answer.SPEED,
        Answer.AGE,
        Answer.DATE,
        Answer.YEAR,
        Answer.CLOCK,
        Answer.COLOR,
        Answer.PERSON,
    }
)


def answers(question: Question, text: str) -> bool:
    """Say whether a text holds the kind of thing that would answer the question."""
    if _AT_MOST.search(question.text) and not _BOUND.search(text):
        return False
    if question.answer is Answer.ANYTHING:
        return True
    if question.answer is Answer.PERSON:
        return _has_person(question, text)
    if question.counted is not None:
        return _counts(question, text)
    asked = question.text.lower()
    for match in _COMPILED[question.answer].finditer(text):
        said = match.group().strip().lower()
        if question.answer not in _MEASURED or _is_new(said, asked):
            return True
    return question.answer is Answer.FREQUENCY and bool(
        _COMPILED[Answer.DURATION].search(text) or _COMPILED[Answer.MOMENT].search(text)
    )


#: A question for a limit is answered where a limit is stated.
_AT_MOST = re.compile(
    r"\b(?:maximum|max|at most|longest|largest|greatest|upper limit)\b", re.IGNORECASE
)
_BOUND = re.compile(
    r"\b(?:max\w*|at most|up to|no more|not more|limit\w*|longest|largest|greatest|highest|biggest"
    r"|until|more than|less than|below|under|within|exceed\w*|cap\w*|upper|bound|between"
    r"|may have|beyond)\b",
    re.IGNORECASE,
)
_MEASURED = frozenset(
    {Answer.COUNT, Answer.DURATION, Answer.DISTANCE, Answer.MONEY, Answer.SHARE, Answer.YEAR}
    | {Answer.DATE, Answer.CLOCK, Answer.WEIGHT, Answer.TEMPERATURE, Answer.SPEED, Answer.AGE}
    | {Answer.LENGTH}
)


def _is_new(said: str, asked: str) -> bool:
    """Say whether a figure is not one that the question itself gives."""
    return not re.search(rf"(?<!\w){re.escape(said)}(?!\w)", asked)


#: How far a figure may stand before and behind the word that it counts, in words.
COUNTED_BEFORE, COUNTED_BEHIND = 4, 6


def _counts(question: Question, text: str) -> bool:
    """Say whether a figure stands near what is counted, as in "14 cars" or "4,312 of them"."""
    if question.counted == _TIMES:
        return bool(_REPEATED.search(text))
    found = words(text)
    asked = question.text.lower()
    figures = [
        index
        for index, word in enumerate(found)
        if _COMPILED[Answer.COUNT].fullmatch(word.text)
        and word.text.lower() not in _LOOSE_FIGURES
        and _is_new(word.text.lower(), asked)
    ]
    for index, word in enumerate(found):
        if likeness(question.counted or "", word.stem) == 0.0:
            continue
        if index and found[index - 1].text.lower() in {"one", "single"}:
            figures.append(index - 1)
        for at in figures:
            behind = index < at <= index + COUNTED_BEHIND
            before = index - COUNTED_BEFORE <= at < index
            if (before and _same_phrase(text[found[at].end : word.start])) or (
                behind and _stands_alone(text, found, at)
            ):
                return True
    return any([w.text.lower() for w in found[at + 1 : at + 3]] == ["of", "them"] for at in figures)


def _same_phrase(between: str) -> bool:
    return not any(sign in between for sign in ",;:.()|")


def _stands_alone(text: str, found: Sequence[Word], at: int) -> bool:
    """Say whether a figure counts nothing else: "20 cars" after "passengers" counts cars."""
    if at + 1 == len(found):
        return True
    between = text[found[at].end : found[at + 1].start]
    return bool(between.strip()) or found[at + 1].text.lower() in _COUNTS_NOTHING


_COUNTS_NOTHING = frozenset({"times", "of", "or", "and", "to", "in", "at", "on", "for", "by"})
_TIMES = stem("times")
_REPEATED = re.compile(
    rf"{_COUNT}\s+(?:\w+\s+)?(?:times|attempts|tries)\b|\b(?:once|twice|thrice)\b", re.IGNORECASE
)
_LOOSE_FIGURES = frozenset({"one", "once", "half", "third", "quarter"})


def _has_person(question: Question, text: str) -> bool:
    asked = {term.stem for term in question.terms}
    found = words(text)
    if not _WHO_DID.search(question.text):
        for match in _ROLE.finditer(text):
            last = words(match.group())[-1]
            if (
                not {last.text.lower(), last.text.lower().rstrip("s")} & _NO_ROLE
                and last.stem not in asked
            ):
                return True
    for index, word in enumerate(found):
        if not _NAME.fullmatch(word.text) or word.stem in asked:
            continue
        if {word.text.lower(), word.text.lower().rstrip("s")} & _NOT_NAMES:
            continue
        between = text[found[index - 1].end : word.start] if index else "."
        if between.strip(" \n*_`\"“'(,") == "":
            return True
        # A name may open the sentence: then something follows that a name does.
        follows = found[index + 1].text if index + 1 < len(found) else ""
        common = is_known(word.stem) or word.text.lower().endswith(("ing", "ed", "ly", "s"))
        if not common and (_NAME.fullmatch(follows) or _VERB.match(follows.lower())):
            return True
    return False


_NAME = re.compile(r"[A-ZÀ-Þ][a-zß-ÿ]+(?:['’]s)?|Mc[A-Z][a-z]+|O['’][A-Z][a-z]+")
_VERB = re.compile(r"\w+(?:s|ed)$|(?:was|is|has|had|will|wrote|made|built|led|won|and)$")
_NOT_NAMES = frozenset(
    """the a an this that these those it its they he she we you i in on at by for from to of and or
    but if when while after before since because as with without every each all any some no
    not there here then so yet only also once one two three monday tuesday wednesday
    thursday friday saturday sunday whoever whatever everything nothing what which who how
    why january february march april may june july august september october november
    december""".split()
)
