"""A process that was killed and starts again finds what it left and waits for no session."""

import pytest

from handrail.runtime.note import read_note
from tests.faults.ground import PARTITIONS, Ground
from tests.faults.troupe import Member
from tests.waiting import until


@pytest.mark.parametrize("named", ["by its supervisor", "by itself"])
async def test_a_process_that_starts_again_reports_the_death_of_its_predecessor(
    ground: Ground, named: str
) -> None:
    member = Member(ground.folder, "pricer", "pricer")
    member.start()
    try:
        await until(lambda: member.ready, within_s=60, what=f"ready; {member.log_file}")
        left = member.note
        assert left is not None
        member.process.kill()
        member.process.wait()
        if named == "by itself":
            # As a process names its note that nobody has named for it.
            own = member.note_file.with_name(f"pricer-{left.pid}.json")
            text = member.note_file.read_text().replace('"pricer"', f'"pricer-{left.pid}"', 1)
            member.note_file.rename(own)
            own.write_text(text)
            assert read_note(own) is not None

        member.start()
        await until(lambda: member.ready, within_s=60, what=f"ready; {member.log_file}")
        now = member.note
    finally:
        member.close()

    assert "dead member reported" in member.log_file.read_text()
    assert now is not None
    assert now.partitions == PARTITIONS
    group = f"{ground.namespace}.pricer"
    assert (await ground.bus.admin.members(group)).keys() == {now.members[group]}
