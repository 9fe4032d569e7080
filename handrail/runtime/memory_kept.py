"""How long topics of memory keep what a view needs: news of deletions, and old versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from handrail.bus.port import Bus

DELETED_KEPT_MS: Final = 86_400_000  #: how long Kafka tells of a deletion when a topic says nothing
AGE_MARGIN_MS: Final = 3_600_000  #: before that, since filling takes a while

_DELETED, _VERSIONS = "delete.retention.ms", "retention.ms"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the topics say of it."""

    deleted_ms: int = DELETED_KEPT_MS
    versions_ms: int | None = None  #: of the history; None: for ever

    def since_ms(self, now_ms: int) -> int:
        """Give when a file has to have been read last so that it has missed no deletion."""
        return max(1, now_ms - self.deleted_ms + AGE_MARGIN_MS)

    def misses_deletions(self, age_ms: int) -> bool:
        """Say whether of deletions so long ago the topics may not tell any more."""
        return age_ms > self.deleted_ms - AGE_MARGIN_MS

    def oldest_ms(self, now_ms: int) -> int | None:
        """Give when the oldest version was written that a file filled now would hold; None: any."""
        return None if self.versions_ms is None else now_ms - self.versions_ms


async def kept_by(bus: Bus, spaces: list[str], history: str) -> Kept:
    """Ask the topics, as the broker names them. Raises BrokerUnreachable."""
    settings = await bus.admin.topic_settings([*spaces, history])
    told = [_number(settings.get(topic, {}), _DELETED) for topic in spaces]
    versions_ms = _number(settings.get(history, {}), _VERSIONS)
    return Kept(
        deleted_ms=min((one for one in told if one is not None), default=DELETED_KEPT_MS),
        versions_ms=versions_ms if versions_ms is not None and versions_ms >= 0 else None,
    )


def _number(settings: Mapping[str, str], name: str) -> int | None:
    return int(settings[name]) if name in settings else None
