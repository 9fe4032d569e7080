"""Keys go where Kafka's own clients send them."""

import random

from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka

from handrail.bus.murmur2 import murmur2, partition_for


def test_the_hash_is_that_of_a_kafka_client() -> None:
    seeded = random.Random(7)
    keys = [seeded.randbytes(length) for length in range(64)]

    assert [murmur2(key) for key in keys] == [murmur2_of_aiokafka(k) & 0xFFFFFFFF for k in keys]


def test_known_keys_have_known_partitions() -> None:
    # org.apache.kafka.common.utils.Utils.murmur2 of "21" and "foobar", from its own unit test.
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert murmur2(b"foobar") == -790332482 & 0xFFFFFFFF
    assert partition_for(b"foobar", 12) == (-790332482 & 0x7FFFFFFF) % 12
