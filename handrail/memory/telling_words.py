"""Words by which two texts that are alike say different things, in English and German.

Nobody can list them all. So they decide nothing but whether a record is linked to one that it
resembles (`same_as`), where both are kept.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEGATIONS: Final = _words(
    "no not never none nobody nothing nowhere neither nor without hardly barely scarcely rarely"
    " seldom false untrue"
    " nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder kaum"
    " selten falsch unwahr"
)
_AFFIRMATIONS: Final = _words("yes true always ja wahr immer stets")
_DATES: Final = _words(
    "january february march april may june july august september october november december"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
    " monday tuesday wednesday thursday friday saturday sunday"
    " mon tue tues wed thu thur thurs fri sat sun"
    " today tomorrow yesterday tonight morning noon evening midnight am pm"
    " januar februar m\u00e4rz mai juni juli oktober dezember m\u00e4r okt dez"
    " montag dienstag mittwoch donnerstag freitag samstag sonntag mo di mi fr sa"
    " heute morgen gestern mittag abend mitternacht"
)
_NUMBERS: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " dozen hundred thousand million billion trillion"
    " null eins zwei drei vier f\u00fcnf sechs sieben acht neun zehn elf zw\u00f6lf dreizehn"
    " vierzehn f\u00fcnfzehn sechzehn siebzehn achtzehn neunzehn zwanzig drei\u00dfig dreissig"
    " vierzig f\u00fcnfzig sechzig siebzig achtzig neunzig dutzend hundert tausend million"
    " millionen milliarde milliarden"
)
_ORDER: Final = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth last next"
    " previous former latter before after until since"
    " erste zweite dritte vierte f\u00fcnfte sechste siebte achte neunte zehnte letzte"
    " n\u00e4chste vorige vor nach bis seit"
)
_AMOUNTS: Final = _words(
    "all every each any some few many most several both either half third quarter double triple"
    " twice once thrice single only more less fewer greater smaller above below over under least"
    " minimum maximum up down often sometimes"
    " alle jeder jede jedes einige wenige viele meisten beide halb doppelt dreifach einmal zweimal"
    " dreimal nur mehr weniger mindestens h\u00f6chstens oft manchmal"
)
_TELLING: Final = _NEGATIONS | _AFFIRMATIONS | _DATES | _NUMBERS | _ORDER | _AMOUNTS


def is_telling(word: str) -> bool:
    """Say whether a word alone may make another statement of a sentence; a sign does as well."""
    return not word.replace("'", "").isalpha() or word.casefold() in _TELLING
