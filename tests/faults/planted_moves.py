"""`handrail` with a planted fault in how lanes are let go, to see that the tests find it."""

import sys

from handrail.lane.journal import Entry
from handrail.lane.releasing import Releases
from handrail.runtime.worker.carrying import Carrier
from handrail.runtime.worker.flights import Flight, Flights

PLANT = sys.argv.pop(1)


async def _reads_nothing(carrier: Carrier) -> None:
    """Leave the answers for later."""
    del carrier


def _waits_for_nobody(releases: Releases, intent: Entry) -> None:
    """Know of no act that goes on elsewhere."""
    del releases, intent


def _cuts_off(flights: Flights) -> list[Flight]:
    """Give nothing away, and end everything."""
    for flight in flights:
        flights.land(flight.invocation, flight.asked.path)
    return []


if __name__ == "__main__":
    match PLANT:
        case "nobody waits":
            Releases.until_ms = _waits_for_nobody
        case "classes before answers":
            Releases.until_ms = _waits_for_nobody
            Carrier.read_answers = _reads_nothing
        case "acts are cut off":
            Flights.take_all = _cuts_off
            Releases.until_ms = _waits_for_nobody
    from handrail.cli.main import main

    main()
