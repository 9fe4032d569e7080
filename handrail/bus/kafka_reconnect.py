"""Waits a little longer before each further try to reach a broker that is not there.

aiokafka 0.14 tries again after the pause that its requests have, 5 ms here, from each loop of each
client: thousands of tries a second on a machine whose broker is starting, which they hold up.
Guarantees: the first try after a success is never delayed; between tries of this process to reach
one broker pass at most 0.5 s; other brokers are not waited for. That a broker does not answer is
logged once, and once that it does again.
"""

import asyncio
from typing import Any, NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient, ConnectionGroup

from handrail.bus.kafka_leftovers import is_closed, unless_closed
from handrail.bus.kafka_producer import CHECKED_VERSIONS
from handrail.errors.transport import AiokafkaUnchecked

log = structlog.get_logger("handrail.kafka")

PAUSE_S_MIN, PAUSE_S_MAX = 0.02, 0.5
TOLD_AFTER_S = 1.0
BROKERS_COUNT_MAX = 1_000  #: whose failures are remembered
assert PAUSE_S_MIN <= PAUSE_S_MAX < TOLD_AFTER_S

Address = tuple[str, int]

_Client: Any = AIOKafkaClient  #: aiokafka 0.14 types little of what follows


class _Silence(NamedTuple):
    """A broker that was not reached: since when, how long the pause is, and when it is over."""

    since_s: float
    pause_s: float
    until_s: float
    told: bool


class Patience:
    """What one process knows of the brokers that it does not reach."""

    def __init__(self) -> None:
        """Know of none."""
        self._silent: dict[Address, _Silence] = {}

    def left_s(self, address: Address, now_s: float) -> float:
        """Say how long to wait before the next try."""
        silence = self._silent.get(address)
        return 0.0 if silence is None else max(0.0, silence.until_s - now_s)

    def failed(self, address: Address, now_s: float) -> None:
        """Take note of a try that failed; of those that fail together the first one counts."""
        before = self._silent.get(address)
        if before is not None and now_s < before.until_s:
            return
        if before is None:
            if len(self._silent) >= BROKERS_COUNT_MAX:
                self._silent.clear()
            self._silent[address] = _Silence(now_s, PAUSE_S_MIN, now_s + PAUSE_S_MIN, told=False)
            return
        pause_s = min(2 * before.pause_s, PAUSE_S_MAX)
        due = now_s - before.since_s >= TOLD_AFTER_S
        if due and not before.told:
            log.warning("kafka does not answer, tried until it does", address=_words(address))
        self._silent[address] = _Silence(
            before.since_s, pause_s, now_s + pause_s, told=due or before.told
        )

    def reached(self, address: Address, now_s: float) -> None:
        """Take note of a try that did not fail."""
        silence = self._silent.pop(address, None)
        if silence is not None and silence.told:
            away_s = round(now_s - silence.since_s, 1)
            log.warning("kafka answers again", address=_words(address), after_s=away_s)


_patience = Patience()
_get_conn = _Client._get_conn  # the one place where every connection is asked for


def reconnect_patiently(version: str) -> None:
    """Let the clients of this process pause between tries to reach a broker.

    Raises AiokafkaUnchecked when what it replaces may mean something else in this version. Another
    call changes nothing.
    """
    if version not in CHECKED_VERSIONS:
        raise AiokafkaUnchecked(version=version, checked=", ".join(sorted(CHECKED_VERSIONS)))
    _Client._get_conn = _patient_conn


async def _patient_conn(
    self: Any, node_id: Any, *, group: int = ConnectionGroup.DEFAULT, no_hint: bool = False
) -> Any:
    if is_closed(self):
        return None
    known = self._conns.get((node_id, group))
    broker = self.cluster.broker_metadata(node_id)
    if broker is None or (known is not None and known.connected()):
        found = await _get_conn(self, node_id, group=group, no_hint=no_hint)
        return unless_closed(self, found)
    address, now_s = (broker.host, broker.port), asyncio.get_running_loop().time
    await asyncio.sleep(_patience.left_s(address, now_s()))
    found = await _get_conn(self, node_id, group=group, no_hint=no_hint)
    if found is None:
        _patience.failed(address, now_s())
    else:
        _patience.reached(address, now_s())
    return unless_closed(self, found)


def _words(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
