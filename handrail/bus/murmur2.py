"""Chooses the partition of a key exactly as Kafka's own Java clients do.

Any Kafka client that writes the same key to the same topic reaches the same partition.
"""

from functools import lru_cache

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF
_WORD_BYTES = 4


def murmur2(data: bytes) -> int:
    """Hash bytes to an unsigned 32-bit number."""
    length = len(data)
    value = (_SEED ^ length) & _MASK
    whole = length - length % _WORD_BYTES
    for start in range(0, whole, _WORD_BYTES):
        word = int.from_bytes(data[start : start + _WORD_BYTES], "little")
        word = word * _MULTIPLIER & _MASK
        word ^= word >> 24
        value = (value * _MULTIPLIER & _MASK) ^ (word * _MULTIPLIER & _MASK)
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


# The key of a task is met again and again: when it is read, and with every record that it causes.
@lru_cache(maxsize=8192)
def partition_for(key: bytes, partitions: int) -> int:
    """Give the partition, from 0 up to but not including `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
