import pytest

from driftline.services.partitioner import partition_of


@pytest.mark.parametrize(
    ("key", "hashed"),  # from the tests of Apache Kafka's Java client (UtilsTest.testMurmur2)
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_it_is_the_rule_of_the_java_client(key, hashed):
    for partitions in (1, 2, 3, 7, 100):
        assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_keys_spread_over_all_partitions():
    assert {partition_of(b"key-%d" % n, 8) for n in range(200)} == set(range(8))


def test_no_partitions_is_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        partition_of(b"a", 0)
