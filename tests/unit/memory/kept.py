"""A book of memory for tests: what the keeper's own judgement makes of commands, and no broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.contract.memory import Memory, MemoryClass
from handrail.memory.asked import Asked, Decision, Stored, Surroundings, Usage
from handrail.memory.changes import Plan, Planner
from handrail.memory.deciding import decide
from handrail.memory.derivation import by_place
from handrail.memory.next_version import removal
from handrail.runtime.keeper_telling import own_act
from handrail.wire.memory import Command, Op, StoredRecord, full_key
from tests.unit.memory.asking import present_of

TENANT = "acme"
DAY_MS = 86_400_000
SPACES: Mapping[str, Memory[Any]] = {
    "lists": Memory("lists", carries=list, keeps=MemoryClass.PREFERENCE),
    "texts": Memory("texts", carries=str, keeps=MemoryClass.PREFERENCE),
    "counts": Memory("counts", carries=int, keeps=MemoryClass.FACT, ttl_s=10 * 86_400),
    "reasons": Memory("reasons", carries=str, keeps=MemoryClass.DECISION),
}


@dataclass
class Kept:
    """Every version there ever was; the time is what the test says."""

    versions: list[StoredRecord] = field(default_factory=list[StoredRecord])
    now_ms: int = 0

    def take(self, command: Command, *, task: str = "", message: str = "") -> Decision:
        """Let the keeper decide on a command, and keep the version that it makes."""
        asked = Asked(command, 0, len(self.versions), task, TENANT, message)
        place = (command.space, command.key)
        around = Surroundings(
            self.now_ms, Usage(), 1, is_held=False, alike=lambda _value, _type: None
        )
        history = by_place(self.versions).get(place)
        present = present_of(history[-1] if history else None)
        decision = decide(asked, SPACES[command.space], present, around)
        if isinstance(decision, Stored):
            self.versions.append(decision.record)
        return decision

    def write(self, where: str, op: Op, value: object = None, **more: Any) -> Decision:
        """Write under `space/key` in the version that is there; more are facts of the command."""
        space, _, key = where.partition("/")
        whose = {name: more.pop(name) for name in ("task", "message") if name in more}
        full = full_key(TENANT, key)
        there = self.there().get((space, full))
        expect = there.version if there is not None else 0
        if op in {Op.ADD, Op.APPEND, Op.INCREMENT}:
            more["expect"] = None
        facts = {"by": "clerk", "expect": expect, **more}
        return self.take(Command(op=op, space=space, key=full, value=value, **facts), **whose)

    def carry_out(self, plan: Plan, task: str = "") -> None:
        """Do what was planned."""
        for change in plan.changes:
            decision = self.take(change.command, task=task)
            assert isinstance(decision, Stored), decision

    def expire(self) -> None:
        """Let the keeper remove what has expired."""
        for (space, key), one in self.there().items():
            if one.expires_ms is not None and one.expires_ms <= self.now_ms:
                asked = own_act(space, key, 0, len(self.versions), ("memory", TENANT))
                self.versions.append(removal(asked, present_of(one), self.now_ms))

    def planner(self) -> Planner:
        """Plan as a person does now."""
        rules = {name: space.rules for name, space in SPACES.items()}
        return Planner("person:ada", "a test", rules, self.now_ms, opens=lambda _: True)

    def there(self) -> dict[tuple[str, str], StoredRecord]:
        """Give what is present."""
        newest = {place: history[-1] for place, history in by_place(self.versions).items()}
        return {place: one for place, one in newest.items() if not one.removed}

    def read(self) -> dict[str, object]:
        """Give what a reader would be given, by `space/key`."""
        return {
            f"{space}/{key.split('/')[-1]}": one.value for (space, key), one in self.there().items()
        }
