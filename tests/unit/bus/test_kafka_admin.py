"""What the admin client reads from a broker that is not quite there yet."""

from types import SimpleNamespace

from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.port import Committed

LOADING = 14  #: COORDINATOR_LOAD_IN_PROGRESS


class Coordinator:
    """Answers for a group: first that it is loading, then with its offsets."""

    def __init__(self) -> None:
        self.asked = 0

    async def find_coordinator(self, group: str) -> int:
        return 1

    async def _send_request(self, request: object, node: int) -> SimpleNamespace:
        self.asked += 1
        if self.asked == 1:
            return SimpleNamespace(error_code=LOADING, topics=[])
        return SimpleNamespace(error_code=0, topics=[("t", [(0, 7, "meta", 0), (1, -1, "", 0)])])


async def test_a_coordinator_that_is_still_loading_is_not_a_group_without_offsets() -> None:
    admin = KafkaAdmin({"bootstrap_servers": "127.0.0.1:1"})
    admin._client = Coordinator()

    assert await admin.committed("g", "t") == {0: Committed(7, "meta")}
