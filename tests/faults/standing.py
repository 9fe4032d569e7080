"""Says where a team stands on its broker, for whoever has to find out why it does not go on."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Place

from handrail.errors import HandrailError
from tests.faults.ground import Ground


@asynccontextmanager
async def told_where_it_stands(ground: Ground, names: Sequence[str]) -> AsyncGenerator[None]:
    """Add to a failing test what lies open on its topics and what its groups have not read."""
    try:
        yield
    except AssertionError as error:
        error.add_note("\n".join(["open or unread:", *await _open(ground, names)]))
        raise


async def _open(ground: Ground, names: Sequence[str]) -> list[str]:
    admin, found = ground.bus.admin, list[str]()
    topics = [one for one in await admin.topics() if one.startswith(f"{ground.namespace}.")]
    asker: Any = AIOKafkaConsumer(bootstrap_servers=ground.bus.bootstrap)
    async with asker:
        for topic in sorted(topics):
            stable = {p: end for p, (_, end) in (await admin.offsets(topic)).items()}
            high: dict[Place, int] = await asker.end_offsets([Place(topic, p) for p in stable])
            found += [
                f"{topic} {place.partition}: stable to {stable[place.partition]} of {end}"
                for place, end in high.items()
                if stable[place.partition] < end
            ]
            for name in names:
                try:
                    read = await admin.committed(f"{ground.namespace}.{name}", topic)
                except HandrailError as error:
                    found.append(f"{name} in {topic}: {error}")
                    continue
                found += [
                    f"{topic} {p}: {name} has done {place.offset} of {stable[p]}"
                    for p, place in read.items()
                    if place.offset < stable[p] - 1
                ]
    return found or ["nothing"]
