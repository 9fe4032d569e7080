"""A process that reaches its broker in every way but as a member of its group."""

import sys
from pathlib import Path

import pytest

from handrail.chaos.kafka_frames import Request
from handrail.chaos.proxy import PASSES, Fate, KafkaProxy, Treatment
from handrail.chaos.proxy_plans import cut_off_from_group
from tests.faults.books import audit
from tests.faults.ground import PARTITIONS, Ground
from tests.faults.settling import reached, settled
from tests.faults.troupe import RUN, Member, Troupe
from tests.waiting import until

TASKS = 60
FAN_OUT = 3
OTHERS = ("splitter", "joiner", "cashier", "registrar")
UNPROVED = (sys.executable, str(Path(__file__).parent / "planted_proof.py"))


class CutOff:
    """Cuts a process off its group, and breaks one commit so that a lane has to open anew."""

    def __init__(self) -> None:
        self.broken = False

    def __call__(self, request: Request) -> Treatment:
        if request.commits and not self.broken:
            self.broken = True
            return Treatment(Fate.CUT_BEFORE)
        return cut_off_from_group(request)


@pytest.mark.parametrize("plant", ["none", "no proof"])
async def test_a_lane_cut_off_from_its_group_alone_gives_up_and_another_takes_over(
    proxy: KafkaProxy, ground: Ground, plant: str
) -> None:
    results = await ground.reader("results")
    program = RUN if plant == "none" else UNPROVED
    lonely = Member(ground.folder, "pricer", "pricer", program)
    other = Member(ground.folder, "pricer-2", "pricer")
    lonely.start(HANDRAIL_BOOTSTRAP=await proxy.start())
    try:
        with Troupe(ground.folder, OTHERS) as troupe:
            await troupe.ready()
            await until(lambda: lonely.ready, within_s=60, what=f"ready; {lonely.log_file}")
            await ground.submit(ground.order(n, pieces=FAN_OUT) for n in range(TASKS // 2))
            await until(lambda: reached(results, TASKS // 2), within_s=60)

            cut_off = CutOff()
            proxy.plan = cut_off
            before = len(lonely.log_file.read_text())
            other.start()
            await ground.submit(ground.order(n, pieces=FAN_OUT) for n in range(TASKS // 2, TASKS))
            await until(lambda: cut_off.broken, within_s=60, what="a commit is cut")
            await until(
                lambda: other.note is not None and other.note.partitions == PARTITIONS,
                within_s=60,
                what="the other one has taken over every partition",
            )
            await until(lambda: reached(results, TASKS), within_s=60, what="all results")
            said = lonely.log_file.read_text()[before:]

            proxy.plan = lambda _: PASSES
            await until(lambda: shares(lonely, other), within_s=60, what="both serve again")
            books = await settled(ground)
    finally:
        lonely.close()
        other.close()

    assert ("lane given up" in said) == (plant == "none"), said
    assert audit(books, range(TASKS)) == []


def shares(*members: Member) -> bool:
    """Say whether the partitions are shared out evenly."""
    notes = [member.note for member in members]
    return all(note is not None and note.partitions == PARTITIONS // 2 for note in notes)
