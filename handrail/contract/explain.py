"""Says in words what pydantic found wrong, with the path to each place, and how many there are."""

from pydantic import ValidationError

PROBLEMS_COUNT_MAX = 5


def invalid_in_words(error: ValidationError) -> str:
    """Give one line: each problem as `claims, item 3, quote: field required`, at most five.

    The values themselves are left out: they may be personal, and this line goes into logs.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_path(p['loc'])}: {_lower(p['msg'])}" for p in problems[:PROBLEMS_COUNT_MAX]]
    if len(problems) > PROBLEMS_COUNT_MAX:
        lines.append(f"and {len(problems) - PROBLEMS_COUNT_MAX} more")
    return "; ".join(lines)


def many(count: int, thing: str) -> str:
    """Give a count with its word: 1 record, 2 records."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _path(location: tuple[int | str, ...]) -> str:
    if not location:
        return "the message as a whole"
    return ", ".join(f"item {step + 1}" if isinstance(step, int) else step for step in location)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
