"""Carries out a schedule of faults against processes, a broker and a provider started for it.

Guarantees: it touches nothing that was not started for this run; when `play` returns every fault
has ended: whoever was frozen goes on, whoever was killed has a successor that is ready, the broker
runs, every proxy lets everything through. What it did stands in a file, each line on the disk
before the next fault.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from handrail.bus.local_broker import LocalBroker
from handrail.chaos.history import Fault, Phase
from handrail.chaos.lines import Lines
from handrail.chaos.provider import FAILURES
from handrail.chaos.provider_call import set_faults
from handrail.chaos.proxy import PASSES, Fate, KafkaProxy
from handrail.chaos.proxy_plans import cut_off_from_group, harm_ends
from handrail.chaos.strikes import Kind, Strike
from handrail.chaos.troupe import Actor, Death, Troupe
from handrail.runtime.child import Kind as ProcessKind

BROKER_BACK_S_MAX = 180.0  #: on a busy machine, with all that was on the disk to be looked at
BACK_WITHIN_S = 60.0  #: until a killed process's successor is ready
LOOK_EVERY_S = 0.05
JOIN_GAP_S = 0.4
PROVIDER_SHARE = 0.3  #: of the calls fail while the provider is bad
END_SHARES: Mapping[Fate, float] = {
    Fate.DELAY: 0.15,
    Fate.CUT_BEFORE: 0.05,
    Fate.CUT_AFTER: 0.15,
    Fate.LINGER: 0.05,
}
ENDS_HARMED = "ends of transactions harmed"
HARMED_COUNT = 3  #: processes whose ends are harmed at once
END_LATE_S = (0.1, 7.0)  #: on either side of the five seconds after which a commit is given up


@dataclass(slots=True)
class Nemesis:
    """The faults of one round. `proxies` are by the name of the process that is behind each."""

    troupe: Troupe
    broker: LocalBroker
    proxies: Mapping[str, KafkaProxy]
    provider: str  #: HOST:PORT
    lines: Lines
    seed: int
    counts: Counter[str] = field(default_factory=Counter[str])  #: faults by kind
    last_ms: int | None = None  #: when the last fault ended
    last_s: float = 0.0  #: the same by the clock of the event loop
    _stood_s: float = 0.0  #: how long the clock of the schedule has stood still
    _broker_is_up: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: set[str] = field(default_factory=set[str])
    _returning: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])

    async def play(self, strikes: Sequence[Strike], over_s: float) -> None:
        """Carry a schedule out; returns once all of it has ended and everybody is back."""
        self._broker_is_up.set()
        loop = asyncio.get_running_loop()
        began_s, striking = loop.time(), list[asyncio.Task[None]]()
        try:
            for strike in strikes:
                await self._due(began_s + strike.at_s)
                striking.append(asyncio.create_task(self._strike(strike), name=f"{strike.kind}"))
            await self._due(began_s + over_s)
            await asyncio.gather(*striking)
        finally:
            for task in striking:
                task.cancel()
            await asyncio.gather(*striking, return_exceptions=True)
        await self.heal()

    async def _due(self, at_s: float) -> None:
        """Wait for a moment of the schedule, whose clock stands while the broker is started.

        Without it nobody works, and a slow machine would see all faults strike a team at rest.
        """
        loop = asyncio.get_running_loop()
        while (left_s := at_s + self._stood_s - loop.time()) > 0 or not self._broker_is_up.is_set():
            await self._broker_is_up.wait()
            await asyncio.sleep(max(0.0, min(left_s, LOOK_EVERY_S)))

    async def heal(self) -> None:
        """Disarm what is armed, and wait until everybody is back."""
        for actor in self.troupe.actors.values():
            if actor.armed:
                actor.kill(Death())
        await self.troupe.ready()
        while self._returning:
            await asyncio.gather(*self._returning)
        self._over()

    async def __aenter__(self) -> Self:
        """Write down who dies from now on."""
        self.troupe.on_death = self.died
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for nobody any more. Nothing is written down after this."""
        self.troupe.on_death = lambda _: None
        returning = [*self._returning]
        for task in returning:
            task.cancel()
        await asyncio.gather(*returning, return_exceptions=True)

    def died(self, name: str) -> None:
        """Write down that a process is dead, and when its successor is ready."""
        self._say("kill", name, Phase.BEGUN)
        self.counts[Kind.KILL] += 1
        returning = asyncio.create_task(self._returned(name), name=f"return of {name}")
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    async def _returned(self, name: str) -> None:
        over_s = asyncio.get_running_loop().time() + BACK_WITHIN_S
        await asyncio.sleep(LOOK_EVERY_S)
        while asyncio.get_running_loop().time() < over_s:
            actor = self.troupe.actors.get(name)
            if actor is None or (actor.runs and actor.ready):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        self._say("kill", name, Phase.ENDED)
        self._over()

    def _over(self) -> None:
        self.last_ms, self.last_s = _now_ms(), asyncio.get_running_loop().time()

    async def _strike(self, strike: Strike) -> None:
        match strike.kind:
            case Kind.KILL:
                await self._kill(strike)
            case Kind.FREEZE:
                await self._freeze(strike)
            case Kind.BROKER:
                await self._kill_broker(strike)
            case Kind.REBALANCE:
                await self._rebalance(strike)
            case Kind.ENDTXN:
                await self._harm_ends(strike)
            case Kind.CUTOFF:
                await self._cut_off(strike)
            case Kind.PROVIDER:
                await self._spoil_provider(strike)

    async def _kill(self, strike: Strike) -> None:
        actor = self._free(strike)
        if actor is not None:
            # A single writer has no steps at whose moments it could die.
            moment = strike.moment if actor.spec.kind is ProcessKind.AGENT else ""
            actor.kill(Death(strike.told, strike.lasts_s, moment))

    async def _freeze(self, strike: Strike) -> None:
        actor = self._free(strike)
        if actor is None:
            return
        self._begin(strike, actor.name)
        actor.freeze()
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            actor.thaw()
            self._end(strike, actor.name)

    async def _kill_broker(self, strike: Strike) -> None:
        running = self.broker.running()
        if running is None or not self._take("broker"):
            return
        self._begin(strike, "broker")
        os.kill(running.pid, signal.SIGKILL)
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            began_s = asyncio.get_running_loop().time()
            self._broker_is_up.clear()
            try:
                await asyncio.to_thread(self.broker.start, ready_s=BROKER_BACK_S_MAX)
            finally:
                self._stood_s += asyncio.get_running_loop().time() - began_s
                self._broker_is_up.set()
                self._end(strike, "broker")

    async def _rebalance(self, strike: Strike) -> None:
        like = self.troupe.actors.get(strike.target)
        if like is None:
            return
        names = [f"{strike.target}-x{number}" for number in range(1, strike.count + 1)]
        if not self._take(names[0]):
            return
        self._begin(strike, names[0])
        try:
            for name in names:
                self.troupe.join(replace(like.spec, name=name))
                await asyncio.sleep(JOIN_GAP_S)
            await self._joined(names)
            await asyncio.sleep(strike.lasts_s)
        finally:
            for name in names:
                if name in self.troupe.actors:
                    await self.troupe.leave(name)
            self._end(strike, names[0])

    async def _joined(self, names: Sequence[str]) -> None:
        """Wait until these are at work: before, nothing has moved, and their leaving moves nothing.

        Somebody may be struck by another fault meanwhile, so this is not waited for for ever.
        """
        over_s = asyncio.get_running_loop().time() + BACK_WITHIN_S
        while asyncio.get_running_loop().time() < over_s:
            there = [self.troupe.actors[name] for name in names if name in self.troupe.actors]
            if all(actor.ready for actor in there):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _cut_off(self, strike: Strike) -> None:
        proxy, busy = self.proxies.get(strike.target), _way_of(strike.target)
        if proxy is None or not self._take(busy):
            return
        self._begin(strike, strike.target, busy)
        proxy.plan = cut_off_from_group
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            proxy.plan = lambda _: PASSES
            self._end(strike, strike.target, busy)

    async def _harm_ends(self, strike: Strike) -> None:
        """Harm several processes at once: one alone may have nothing to commit meanwhile."""
        names = [*self.proxies]
        at = names.index(strike.target) if strike.target in names else 0
        free = [name for name in names[at:] + names[:at] if self._take(_way_of(name))]
        harmed, spared = free[:HARMED_COUNT], free[HARMED_COUNT:]
        for name in spared:
            self._busy.discard(_way_of(name))
        before = sum(self.proxies[name].counts.total() for name in harmed)
        die = random.Random(f"{self.seed}/{strike.at_s}")  # noqa: S311 - chance of a test
        for name in harmed:
            self._begin(strike, name, _way_of(name))
            self.proxies[name].plan = harm_ends(die, END_SHARES, END_LATE_S)
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            for name in harmed:
                self.proxies[name].plan = lambda _: PASSES
                self._end(strike, name, _way_of(name))
            after = sum(self.proxies[name].counts.total() for name in harmed)
            self.counts[ENDS_HARMED] += after - before

    async def _spoil_provider(self, strike: Strike) -> None:
        if not self._take("provider"):
            return
        self._begin(strike, "provider")
        await set_faults(self.provider, PROVIDER_SHARE, tuple(map(str, FAILURES)))
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            await set_faults(self.provider, 0.0, ())
            self._end(strike, "provider")

    def _free(self, strike: Strike) -> Actor | None:
        """Give a running process that no other fault has now: the target, else the next one.

        Most faults strike who is at work, some who is still opening what it was given.
        """
        names = [*self.troupe.actors]
        at = names.index(strike.target) if strike.target in names else 0
        for name in names[at:] + names[:at]:
            actor = self.troupe.actors[name]
            works = actor.ready or (actor.runs and strike.early)
            if works and not actor.armed and not actor.frozen and name not in self._busy:
                return actor
        return None

    def _take(self, what: str) -> bool:
        if what in self._busy:
            return False
        self._busy.add(what)
        return True

    def _begin(self, strike: Strike, target: str, busy: str = "") -> None:
        self._busy.add(busy or target)
        self.counts[strike.kind] += 1
        self._say(strike.kind, target, Phase.BEGUN)

    def _end(self, strike: Strike, target: str, busy: str = "") -> None:
        self._busy.discard(busy or target)
        self._say(strike.kind, target, Phase.ENDED)

    def _say(self, fault: str, target: str, phase: Phase) -> None:
        self.lines.add(Fault(time_ms=_now_ms(), fault=str(fault), target=target, phase=phase))


def _way_of(name: str) -> str:
    return f"way of {name}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
