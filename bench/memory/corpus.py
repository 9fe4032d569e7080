"""Records to measure with: texts whose words are as unevenly common as those of a language."""

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from handrail.wire.memory import StoredRecord, full_key

VOCABULARY_COUNT: Final = 30_000
WORDS_MIN, WORDS_MAX = 8, 40
SOURCE_COUNT: Final = 20  #: records of one source, which stand beside each other
SYLLABLES: Final = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()


class Corpus:
    """The same records and the same questions for the same seed."""

    def __init__(self, seed: int) -> None:
        """Prepare the words; the n-th is about 1/n as common as the first."""
        self._random = random.Random(seed)  # noqa: S311  # the same each time
        self._words = [_word(number) for number in range(VOCABULARY_COUNT)]
        self._weights = list(accumulate(1 / (number + 2) for number in range(VOCABULARY_COUNT)))

    def text(self, count: int) -> str:
        """Give so many words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=count))

    def records(self, space: str, tenants: list[str], count: int) -> Iterator[StoredRecord]:
        """Give records of tenants by turns, in sources of twenty."""
        for number in range(count):
            tenant = tenants[number % len(tenants)]
            place = number // len(tenants)
            key = f"source-{place // SOURCE_COUNT}/{place % SOURCE_COUNT}"
            yield StoredRecord(
                space=space,
                key=full_key(tenant, key),
                version=1,
                type_name="fact.v1",
                value={"text": self.text(self._random.randint(WORDS_MIN, WORDS_MAX))},
                applied=0,
                written_ms=1_700_000_000_000 + number,
                agent="researcher",
                agent_version="1",
                task_id=f"task-{place}",
                message_id=f"message-{place}",
            )


def _word(number: int) -> str:
    found = ""
    while number or not found:
        number, rest = divmod(number, len(SYLLABLES))
        found += SYLLABLES[rest]
    return found
