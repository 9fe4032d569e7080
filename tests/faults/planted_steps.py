"""`handrail` with a planted fault in how steps are recorded, to see that the tests find it."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from handrail.contract.effect import Effect
from handrail.lane import steps
from handrail.lane.journal import Entry, Kind
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.record import Outgoing

PLANT = sys.argv.pop(1)
LICENCE_S = 2.0


class Planted(RunSteps):
    """Keeps all but one of the rules."""

    async def _licence(self, act: Act[Any], begin: steps.Begin, *, acted: bool = True) -> int:
        if PLANT == "no intent":
            # All that a licence gives, but for the record of it.
            flights, where = self._ground.flights, (self._invocation.id, act.asked.path)
            flights.license(where[0], act.asked, begin.attempt, act.timeout_s)
            flights.licensed(*where, time.monotonic() + LICENCE_S)
            return begin.attempt
        return await super()._licence(act, begin, acted=acted)

    def _hand(self, entry: Entry, beside: Sequence[Outgoing] = ()) -> None:
        if PLANT == "no outcome":
            return
        super()._hand(entry, beside)

    def _entry(self, kind: Kind, path: str, *more: Any) -> Entry:
        return super()._entry(kind, "1" if PLANT == "one path" else path, *more)

    async def _replay(self, act: Act[Any], outcome: Entry) -> Any:
        looks = PLANT == "recorded look is asked again" and act.declared is Effect.READ
        if looks or PLANT == "outcome acts again":
            await act.do()
        return await super()._replay(act, outcome)


if __name__ == "__main__":
    from handrail.runtime.worker import execution

    assert execution.RunSteps is RunSteps, "what is planted is what runs"
    execution.RunSteps = Planted
    from handrail.cli.main import main

    main()
