"""`handrail` with a planted fault in how steps are recorded, to see that the tests find it."""

import sys
from typing import Any

from handrail.lane import steps
from handrail.lane.journal import Entry, Kind
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.waiting import RunSteps

PLANT = sys.argv.pop(1)


class Planted(RunSteps):
    """Keeps all but one of the rules."""

    async def _licence(self, act: Act[Any], begin: steps.Begin) -> int:
        if PLANT == "no intent":
            return begin.attempt
        return await super()._licence(act, begin)

    def _hand(self, entry: Entry) -> None:
        if PLANT == "no outcome":
            return
        super()._hand(entry)

    def _entry(self, kind: Kind, path: str, *more: Any) -> Entry:
        return super()._entry(kind, "1" if PLANT == "one path" else path, *more)

    async def _replay(self, act: Act[Any], outcome: Entry) -> Any:
        if PLANT == "outcome acts again":
            await act.do()
        return await super()._replay(act, outcome)


if __name__ == "__main__":
    from handrail.runtime.worker import execution

    assert execution.RunSteps is RunSteps, "what is planted is what runs"
    execution.RunSteps = Planted
    from handrail.cli.main import main

    main()
