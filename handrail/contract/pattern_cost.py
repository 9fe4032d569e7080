"""How much work a regular expression is, by its text alone: before anybody compiles it. Pure.

An engine that never goes back takes a time that grows with the text times the states that it may
be in at once, and a counted repetition is so many copies of what it repeats: `(a{0,100}){0,100}`
is ten thousand. Guarantee: never less than the copies that the pattern asks for.

To compile a pattern takes its copies, to ask it about a text those that it may be in at once. Of
one sign or class that is repeated from the beginning of the text on, that is one, however often:
`^.{1,5000}$` counts.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

COST_MAX: Final = 10**9  #: more than anybody compiles; counting ends there
_COUNT: Final = re.compile(r"\{\s*0*(\d{0,12})\s*(?:,\s*0*(\d{0,12})\s*)?\}")
#: Of a group that is read in another way, with comments; JSON Schema knows none.
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z-]*x")
#: States of a class that names letters of all scripts; any other sign has one or a few.
_WIDE: Final = {"w": 30, "W": 30, "p": 30, "P": 30, "d": 3, "D": 3, "b": 3, "B": 3}
#: Of them, those in which one copy may be at once: within the bytes of one letter.
_WIDE_AT_ONCE: Final = dict.fromkeys(_WIDE, 3)


def cost_of(pattern: str) -> int:
    """Give how many states a pattern has, in the order of magnitude, at most COST_MAX."""
    return _states(pattern, _WIDE)


@lru_cache(maxsize=256)
def at_once(pattern: str) -> int:
    """Give in how many states a text may be at once, in the order of magnitude, at most COST_MAX.

    What one sign of a text takes: of a pattern that may begin anywhere, all that it has.
    """
    whole = _states(pattern, _WIDE_AT_ONCE)
    if not pattern.startswith("^"):
        return whole
    spread: float = 0  # how many signs of the text what stands before may have left out
    total, at = 1, 1
    while at < len(pattern):
        begun, sign = at, pattern[at]
        if sign in "|)*+?{":
            return whole
        if sign == "(":
            at = _after_group(pattern, at)
            least, most, at = _repeated(pattern, at)
            total, spread = total + _states(pattern[begun:at], _WIDE_AT_ONCE), math.inf
        else:
            wide = _WIDE_AT_ONCE
            states, at = (
                _class(pattern, at + 1, wide) if sign == "[" else _single(pattern, at, wide)
            )
            least, most, at = _repeated(pattern, at)
            copies = most if most < math.inf else max(1, least)
            total += int(states * min(copies, spread + 1))
            spread += most - least
        if pattern[at : at + 1] in {*"*+?{"}:
            return whole  # a repetition of a repetition
    return min(total, whole)


def _after_group(pattern: str, at: int) -> int:
    depth = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign in "[\\":
            read = _class(pattern, at + 1, _WIDE) if sign == "[" else _single(pattern, at, _WIDE)
            at = read[1]
            continue
        at += 1
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            break
    return at


def _repeated(pattern: str, at: int) -> tuple[int, float, int]:
    """Read how often at least and at most what stands before is repeated, and where that ends."""
    known = {"*": (0, math.inf), "+": (1, math.inf), "?": (0, 1)}
    least, most = known.get(pattern[at : at + 1], (1, 1))
    if pattern[at : at + 1] in known:
        at += 1
    elif (found := _COUNT.match(pattern, at)) is not None and (found[1] or found[2]):
        least, at = int(found[1] or 0), found.end()
        exact = "," not in found[0]
        most = least if exact else int(found[2]) if found[2] else math.inf
    else:
        return 1, 1, at
    lazy = pattern[at : at + 1] == "?"
    return least, most, at + lazy


def _states(pattern: str, wide: Mapping[str, int]) -> int:
    if _VERBOSE.search(pattern):
        return COST_MAX
    before: list[int] = []  # of each bracket that is open: what stands before it
    total = last = at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "(":
            before.append(total)
            total = last = 0
        elif sign == ")":
            last = total + 1
            total = last + (before.pop() if before else 0)
        elif sign == "{" and (counted := _counted(pattern, at - 1)) is not None:
            count, at = counted
            total += last * (count - 1)
            last *= count
        elif sign in "*+?|^$":
            total += 1
        else:
            one = _class(pattern, at, wide) if sign == "[" else _single(pattern, at - 1, wide)
            last, at = one
            total += last
        total, last = min(total, COST_MAX), min(last, COST_MAX)
    return min(total + sum(before), COST_MAX)


def _counted(pattern: str, at: int) -> tuple[int, int] | None:
    """Read the most copies that stand in a counted repetition, and where it ends; None for none."""
    found = _COUNT.match(pattern, at)
    if found is None or not (found[1] or found[2]):
        return None
    return max(1, int(found[1] or 0), int(found[2] or 0)), found.end()


def _single(pattern: str, at: int, wide: Mapping[str, int]) -> tuple[int, int]:
    if pattern[at] != "\\" or at + 1 >= len(pattern):
        return 1, at + 1
    return wide.get(pattern[at + 1], 1), at + 2


def _class(pattern: str, at: int, wide: Mapping[str, int]) -> tuple[int, int]:
    """Read a class in square brackets, others within it too: its states, and where it ends."""
    states, depth = 1, 1
    while at < len(pattern) and depth:
        sign = pattern[at]
        at += 1
        if sign == "\\" and at < len(pattern):
            states += wide.get(pattern[at], 0)
            at += 1
        elif sign == "[":
            depth += 1
        elif sign == "]" and pattern[at - 2] != "[":
            depth -= 1
    return states, at
