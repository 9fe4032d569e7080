"""What every intent in the journal says of its step, whether it acts or waits."""

from collections.abc import Mapping

from handrail.lane.steps import Asked


def intent_facts(
    asked: Asked, idem_key: str, attempt: int, first_ms: int, more: Mapping[str, object]
) -> dict[str, object]:
    """Give the facts of an intent, with those that its kind of step adds."""
    return {
        "name": asked.name,
        "digest": asked.digest,
        "shown": asked.shown,
        "effect": str(asked.effect),
        "idem_key": idem_key,
        "attempt": attempt,
        "first_ms": first_ms,
        "key_ttl_s": asked.key_ttl_s,
        **more,
    }
