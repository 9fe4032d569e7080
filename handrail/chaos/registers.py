"""Histories of compare-and-sets on versioned keys, and whether they can have happened in an order.

A history is a file of JSON lines, one for each call, in a form that outside checkers of
linearisability read after renaming fields at most: `process`, `op` (`cas`), `key`, `expect`,
`value`, `result` (`ok`, `conflict`, or `unknown` when no answer came), `version` (the one that was
written, or the one that was found), `call_ns` and `return_ns` of one clock.

The judgement is exact for this model: a call that succeeds moves a key from the version that it
expects to the next one, a call that fails saw another version, each at one moment between its call
and its return. Keys are independent, so each is judged alone.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

NEVER_NS = 2**63 - 1  #: in place of a return that did not come


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one process."""

    process: int
    key: str
    expect: int
    value: str
    result: str
    version: int
    call_ns: int
    return_ns: int
    op: str = "cas"


def write_calls(path: Path, calls: Iterable[Call]) -> None:
    """Write a history, in the order of the calls."""
    lines = [json.dumps(asdict(one)) for one in sorted(calls, key=lambda one: one.call_ns)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def read_calls(path: Path) -> list[Call]:
    """Read a history."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Call(**json.loads(line)) for line in lines if line]


def faults(calls: Iterable[Call], final: Mapping[str, Sequence[str]]) -> list[str]:
    """Say everything that cannot have happened; empty when the history is linearisable.

    `final` gives for each key the values of its versions, from the first on, as they are kept.
    """
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_key[call.key].append(call)
    found: list[str] = []
    for key in sorted({*by_key, *final}):
        found += [f"{key}: {fault}" for fault in _of_key(by_key[key], list(final.get(key, ())))]
    return found


def _of_key(calls: list[Call], values: list[str]) -> list[str]:
    writers, found = _writers(calls, values)
    if found:
        return found
    at_ns = 0
    conflicts: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call.result == "conflict":
            conflicts[call.version].append(call)
            if call.version == call.expect:
                found.append(
                    f"process {call.process} was refused with the version that it expected"
                )
    for version in range(len(writers) + 1):
        # A version begins after its call, and after the call of everybody who saw the one before.
        writer = writers[version - 1] if version > 0 else None
        seen_before = [one.call_ns for one in conflicts[version - 1]]
        called = [writer.call_ns] if writer is not None else []
        begins_ns: int = max([at_ns, *seen_before, *called])
        # It begins before its return, and before the return of everybody who saw it.
        seen = [one.return_ns for one in conflicts[version]]
        returned = [writer.return_ns] if writer is not None else []
        latest_ns: int = min([*seen, *returned], default=NEVER_NS)
        if begins_ns > latest_ns:
            late_ns = begins_ns - latest_ns
            found.append(f"version {version} was seen {late_ns} ns before it can have been there")
        at_ns = begins_ns
    beyond = sorted(version for version in conflicts if version > len(writers))
    return found + [f"version {version} was seen and is not there" for version in beyond]


def _writers(calls: list[Call], values: list[str]) -> tuple[list[Call], list[str]]:
    """Find who wrote each version that is kept."""
    found: list[str] = []
    answered: dict[int, Call] = {}
    unknown: dict[tuple[int, str], Call] = {}
    for call in calls:
        if call.result == "unknown":
            unknown[call.expect + 1, call.value] = call
        elif call.result == "ok":
            if call.version in answered:
                found.append(f"version {call.version} was given to two calls")
            if call.version != call.expect + 1:
                found.append(f"version {call.version} was given to who expected {call.expect}")
            answered[call.version] = call
    writers: list[Call] = []
    for version, value in enumerate(values, 1):
        writer = answered.pop(version, None) or unknown.get((version, value))
        if writer is None:
            found.append(f"version {version} was written by nobody")
        elif writer.value != value:
            found.append(f"version {version} holds another value than was written")
        else:
            writers.append(writer)
    found += [f"version {version} was acknowledged and is lost" for version in sorted(answered)]
    return writers, found
