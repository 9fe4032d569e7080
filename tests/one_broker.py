"""Says which worker of a shared test run gets which tests; see `tests/workers.py`."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.workers import FIRST, TIMED

TIMED_SCOPE = "what needs a Kafka or time"


class OneBroker(LoadScopeScheduling):
    """Gives all that needs a Kafka or time to the first worker, and files to whoever is free."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        """Keep the order in which the files were found."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return TIMED_SCOPE if nodeid.startswith(TIMED) else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        if TIMED_SCOPE in self.workqueue:
            self.workqueue.move_to_end(TIMED_SCOPE, last=node.gateway.id != FIRST)
        super()._assign_work_unit(node)
