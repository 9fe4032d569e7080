"""A small world of processes, lanes and handoffs, one of which kills whoever runs it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from handrail.lane.gate import Wait
from handrail.lane.poison import Company, Found, Judgement, Presence, Standing, judge
from handrail.lane.turnstile import Turnstile

STEP_MS = 100
WORLD_MS_MAX = 3_600_000


@dataclass
class Work:
    """One handoff: how long its handler runs, and when it kills its process, if it does."""

    id: str
    lasts_ms: int
    kills_at_ms: int | None = None
    ran_ms: int = 0
    standing: Standing | None = None  # None: nothing of it is in the journal

    @property
    def is_poison(self) -> bool:
        return self.kills_at_ms is not None


@dataclass
class Partition:
    """What the journal of a lane holds, and what is still to be done."""

    works: dict[str, Work]
    epoch: int | None = None
    owner: str = ""
    released_epoch: int | None = None
    on_record: bool = False
    running: dict[str, Work] = field(default_factory=dict[str, Work])


@dataclass
class Process:
    name: str
    turnstile: Turnstile
    partitions: list[Partition] = field(default_factory=list[Partition])


class World:
    """Runs until all work is done or dead; `nemesis` may kill between any two steps."""

    def __init__(
        self,
        random: Random,
        partitions: list[Partition],
        processes_count: int,
        turnstile: Callable[[], Turnstile] = Turnstile,
    ) -> None:
        self.random = random
        self.turnstile = turnstile
        self.now_ms = 0
        self.started_count = 0
        self.quarantined: list[Work] = []
        self.poison_deaths = 0
        self.partitions = partitions
        self.processes = [self.process() for _ in range(processes_count)]
        for partition in partitions:
            self.open(partition, random.choice(self.processes))

    def process(self) -> Process:
        self.started_count += 1
        return Process(f"process-{self.started_count}", self.turnstile())

    @property
    def is_over(self) -> bool:
        return not any(partition.works for partition in self.partitions)

    def open(self, partition: Partition, process: Process) -> Judgement:
        accepted = {w.id: w.standing for w in partition.works.values() if w.standing is not None}
        judgement = judge(
            Found(
                process=process.name,
                epoch=partition.epoch,
                owner=partition.owner,
                released_epoch=partition.released_epoch,
                accepted=accepted,
            )
        )
        partition.epoch, partition.owner = (partition.epoch or 0) + 1, process.name
        partition.on_record = judgement.on_record_count > 0
        for id_, standing in judgement.changed.items():
            partition.works[id_].standing = standing
        for id_ in judgement.quarantined:
            self.quarantined.append(partition.works.pop(id_))
        if partition not in process.partitions:
            process.partitions.append(partition)
        return judgement

    def kill(self, process: Process) -> None:
        """Its lanes go to a survivor or to a process that is started in its place."""
        self.processes.remove(process)
        heirs = [*self.processes, self.process()]
        self.processes.append(heirs[-1])
        for partition in process.partitions:
            for work in partition.running.values():
                work.ran_ms = 0
            partition.running.clear()
            self.open(partition, self.random.choice(heirs))

    def move(self, partition: Partition, old: Process, new: Process) -> None:
        """A rebalance: RELEASED, then the next owner, or the same one again."""
        partition.released_epoch = partition.epoch
        if old is not new:
            old.partitions.remove(partition)
            for work in partition.running.values():
                old.turnstile.left(work.id, self.now_ms)
                work.ran_ms = 0
            partition.running.clear()
        self.open(partition, new)

    def step(self) -> None:
        self.now_ms += STEP_MS
        for process in list(self.processes):
            for partition in process.partitions:
                self.start_some(process, partition)
            if not self.pass_time(process):
                self.poison_deaths += 1
                self.kill(process)

    def start_some(self, process: Process, partition: Partition) -> None:
        waiting = [w for w in partition.works.values() if w.id not in partition.running]
        self.random.shuffle(waiting)
        for work in waiting[:4]:
            standing = work.standing or Standing()
            if isinstance(process.turnstile.ask(work.id, standing.company, self.now_ms), Wait):
                continue
            partition.running[work.id] = work
            must = standing.company is not Company.ANY or partition.on_record
            if must or work.standing is not None or self.random.random() < 0.5:
                work.standing = standing.started()

    def pass_time(self, process: Process) -> bool:
        """Let the running run; False when one of them has killed the process."""
        for partition in process.partitions:
            for work in list(partition.running.values()):
                work.ran_ms += STEP_MS
                if work.kills_at_ms is not None and work.ran_ms >= work.kills_at_ms:
                    return False
                if work.ran_ms >= work.lasts_ms:
                    del partition.works[work.id], partition.running[work.id]
                    process.turnstile.left(work.id, self.now_ms)
                elif work.standing is not None and work.ran_ms == work.standing.trial_ms:
                    work.standing = work.standing.survived()
                    process.turnstile.let_out(work.id, self.now_ms)
        return True


def alone_and_nearly_condemned(process: Process) -> bool:
    """True when a kill from outside would make an innocent one look guilty."""
    return any(
        work.standing is not None
        and work.standing.presence is Presence.ALONE
        and work.standing.lonely_count >= 2
        and not work.is_poison
        for partition in process.partitions
        for work in partition.running.values()
    )
