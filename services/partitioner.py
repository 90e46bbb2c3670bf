"""Which partition a key belongs to: the rule of Kafka's own Java client, spelled out."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=65_536)  # keys come again and again, and the hash is plain Python
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: murmur2, as the Java client, Kafka Streams and kafka-python do it.

    librdkafka needs `partitioner=murmur2_random` to agree. An event and its label have the same key, so with the same
    number of partitions they meet in the partition of the same number.

    >>> partition_of(b"eth0", 6) == partition_of(b"eth0", 6)
    True
    """
    if partitions < 1:
        raise ValueError(f"partitions must be at least 1, got {partitions}")
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
