"""An expired record is never returned: not one in 100,000 reads of every kind, at any time."""

import random
from pathlib import Path

from handrail.contract.memory_reader import AsOf
from handrail.memory.reading import Asker, Reader
from handrail.memory.view import View
from handrail.wire.memory import StoredRecord
from tests.unit.memory.written import NAMESPACE, TENANT, Written

READS_COUNT = 100_000
KEYS_COUNT = 400
LIFE_MS = 1_000_000


def test_no_expired_record_is_returned_in_100_000_reads(tmp_path: Path) -> None:
    chance = random.Random(7)
    topics = Written()
    keys = [
        topics.put(
            "facts",
            f"order/{number % KEYS_COUNT}",
            {"text": f"parcel {number} crossed the river"},
            written_ms=chance.randrange(LIFE_MS),
            expires_ms=chance.choice([None, chance.randrange(LIFE_MS), chance.randrange(LIFE_MS)]),
        )
        for number in range(3 * KEYS_COUNT)
    ]
    view = View(tmp_path / "v.db", NAMESPACE, ["facts"])
    view.take(topics.records(), view.beginning())
    reader = Reader(tmp_path / "v.db")
    given, expired = 0, 0

    for _ in range(READS_COUNT):
        now_ms = chance.randrange(LIFE_MS)
        found = read(reader, chance, chance.choice(keys), Asker(now_ms))
        given += len(found)
        expired += sum(one.expires_ms is not None and one.expires_ms <= now_ms for one in found)

    assert expired == 0
    assert given > READS_COUNT // 4
    view.close()
    reader.close()


def read(reader: Reader, chance: random.Random, key: str, asker: Asker) -> list[StoredRecord]:
    """Read in one of the ways that there are; the costly ones less often."""
    dice = chance.random()
    if dice < 0.5:
        found = [reader.get("facts", key, asker)]
    elif dice < 0.7:
        found = [reader.get("facts", key, asker, AsOf(version=chance.randint(1, 3)))]
    elif dice < 0.9:
        found = [reader.get("facts", key, asker, AsOf(at_ms=chance.randrange(LIFE_MS)))]
    elif dice < 0.995:
        return reader.history("facts", key, asker)
    else:
        text = f"{chance.randrange(3 * KEYS_COUNT)} river"
        hits = reader.search("facts", f"{TENANT}/", text, 5, asker)
        return [hit.record for hit in hits]
    return [one for one in found if one is not None]


def test_a_record_is_there_until_the_millisecond_at_which_it_expires(tmp_path: Path) -> None:
    topics = Written()
    key = topics.put("facts", "order/1", {"text": "parcel"}, expires_ms=5_000)
    view = View(tmp_path / "v.db", NAMESPACE, ["facts"])
    view.take(topics.records(), view.beginning())
    reader = Reader(tmp_path / "v.db")

    assert reader.get("facts", key, Asker(4_999)) is not None
    assert reader.get("facts", key, Asker(5_000)) is None
    assert reader.get("facts", key, Asker(5_000), AsOf(version=1)) is None
    assert reader.get("facts", key, Asker(5_000), AsOf(at_ms=2_000)) is None
    assert reader.history("facts", key, Asker(5_000)) == []
    assert reader.search("facts", f"{TENANT}/", "parcel", 5, Asker(4_999)) != []
    assert reader.search("facts", f"{TENANT}/", "parcel", 5, Asker(5_000)) == []
    view.close()
    reader.close()
