"""What forgetting a person touches: their own records, and whatever elsewhere was made from them.

Their own are unreadable once their key is destroyed, and the keeper removes them. What was made
from them and lies under other keys is removed where its class allows it, else marked.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from handrail.memory.changes import Change, Left, Plan, Planner, left, plan_of
from handrail.memory.derivation import by_place, derived
from handrail.memory.sealing import subject_of
from handrail.store.sealing import named_key
from handrail.wire.memory import StoredRecord, key_in_words


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What would be forgotten."""

    own: Mapping[str, int]  #: space → records about the subject that are there
    versions: int  #: about the subject that hold a value, of removed records too
    removals: int  #: versions that say that a record about the subject is gone
    elsewhere: Plan  #: what was made from them and is not about the subject
    keys: frozenset[str] = frozenset()  #: names of the keys with which what is there is sealed

    @property
    def is_empty(self) -> bool:
        """Say that nothing of the subject is there to be forgotten."""
        return not self.own and not self.versions and self.elsewhere.is_empty


def plan_forget(digest: str, versions: Collection[StoredRecord], planner: Planner) -> Forgetting:
    """Plan the forgetting of a subject from every version that is kept."""
    own = [one for one in versions if subject_of(one.key) == digest]
    made = derived(versions, begins=lambda one: subject_of(one.key) == digest)
    found: list[Change | Left] = []
    for history in by_place(versions).values():
        current = history[-1]
        if subject_of(current.key) == digest or not any(map(made.includes, history)):
            continue
        rules = planner.rules.get(current.space)
        if current.removed:
            continue
        if rules is not None and rules.erasable:
            found.append(planner.remove(current))
        elif rules is not None and current.flagged is None:
            found.append(planner.flag(current))
        else:
            found.append(left(current, "it can never be removed, and is marked already"))
    there = [history[-1] for history in by_place(own).values() if not history[-1].removed]
    places = Counter(one.space for one in there)
    removals = sum(one.removed for one in own)
    keys = frozenset(name for one in there if (name := named_key(one.value)) is not None)
    return Forgetting(dict(places), len(own) - removals, removals, plan_of(found), keys)


def not_about_the_same(
    key: str, derived_from: Collection[str], personal: Collection[str] = ()
) -> str | None:
    """Give what a record may not be derived from: a record about somebody whom it is not about.

    What is known of a person is forgotten with the key of that person. A copy of it elsewhere
    would stay readable, so it is kept under the same subject or not at all; and whoever names a
    record of one of the `personal` spaces says whom it is about. None when all is well.
    """
    own = subject_of(key)
    for one in derived_from:
        space, _, full = one.partition("/")
        digest = subject_of(full)
        if digest is None and space in personal:
            return one
        if digest is not None and digest != own:
            return f"{space}/{key_in_words(full)}"
    return None
