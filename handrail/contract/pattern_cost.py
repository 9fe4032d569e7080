"""How much work a regular expression is, by its text alone: before anybody compiles it. Pure.

An engine that never goes back takes a time that grows with the text times the states that it may
be in at once, and a counted repetition is so many copies of what it repeats: `(a{0,100}){0,100}`
is ten thousand. Guarantee: never less than the copies that the pattern asks for.
"""

import re
from typing import Final

COST_MAX: Final = 10**9  #: more than anybody compiles; counting ends there
_COUNT: Final = re.compile(r"\{\s*0*(\d{0,12})\s*(?:,\s*0*(\d{0,12})\s*)?\}")
#: Of a group that is read in another way, with comments; JSON Schema knows none.
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z-]*x")
#: States of a class that names letters of all scripts; any other sign has one or a few.
_WIDE: Final = {"w": 30, "W": 30, "p": 30, "P": 30, "d": 3, "D": 3, "b": 3, "B": 3}


def cost_of(pattern: str) -> int:
    """Give how many states a pattern has, in the order of magnitude, at most COST_MAX."""
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
            last, at = _class(pattern, at) if sign == "[" else _single(sign, pattern, at)
            total += last
        total, last = min(total, COST_MAX), min(last, COST_MAX)
    return min(total + sum(before), COST_MAX)


def _counted(pattern: str, at: int) -> tuple[int, int] | None:
    """Read the most copies that stand in a counted repetition, and where it ends; None for none."""
    found = _COUNT.match(pattern, at)
    if found is None or not (found[1] or found[2]):
        return None
    return max(1, int(found[1] or 0), int(found[2] or 0)), found.end()


def _single(sign: str, pattern: str, at: int) -> tuple[int, int]:
    if sign != "\\" or at >= len(pattern):
        return 1, at
    return _WIDE.get(pattern[at], 1), at + 1


def _class(pattern: str, at: int) -> tuple[int, int]:
    """Read a class in square brackets, others within it too: its states, and where it ends."""
    states, depth = 1, 1
    while at < len(pattern) and depth:
        sign = pattern[at]
        at += 1
        if sign == "\\" and at < len(pattern):
            states += _WIDE.get(pattern[at], 0)
            at += 1
        elif sign == "[":
            depth += 1
        elif sign == "]" and pattern[at - 2] != "[":
            depth -= 1
    return states, at
