"""A Kafka that names no brokers for a while, as one may that has just come back, and hangs up on who asks.

librdkafka then forgets all brokers, mostly for good (its issue 5301). The real Kafka does this for milliseconds.
"""

import socket
import struct
import threading
from contextlib import suppress

from driftline.services.servers import KafkaServer

METADATA = 3
"""The number of the request that asks for brokers and topics."""
CLIENT = "forgotten"
"""The `client.id` of those who are answered so."""


class ForgetfulKafka(KafkaServer):
    """The real Kafka behind a listener that passes everything on, but may answer for it."""

    def __init__(self):
        super().__init__()
        self.forgets = False
        """Whether it names no brokers now."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def prepare(self):
        """Let Kafka send its clients to our listener, too."""
        super().prepare()
        ours = f"advertised.listeners=PLAINTEXT://{self.front}"
        lines = self._properties.read_text().replace(f"advertised.listeners=PLAINTEXT://{self.bootstrap}", ours)
        assert ours in lines
        self._properties.write_text(lines)

    @property
    def front(self) -> str:
        """`host:port` of the listener."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _listen(self):
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as kafka:
            threading.Thread(target=_pass_on, args=(kafka, client), daemon=True).start()
            requests = client.makefile("rb")
            while len(size := requests.read(4)) == 4:
                request = requests.read(*struct.unpack(">i", size))
                key, version, number, length = struct.unpack_from(">hhih", request)
                if self.forgets and key == METADATA and request[10 : 10 + length] == CLIENT.encode():
                    client.sendall(_nobody(version, number))
                    break
                kafka.sendall(size + request)
            _hang_up(client, kafka)


def _nobody(version, number):
    """The answer to a request for metadata (versions 9 to 13): no broker, and one topic that nobody leads."""
    assert 9 <= version <= 13
    topic = struct.pack(">hb", 5, 2) + b"t" + bytes(16 if version >= 10 else 0)
    topic += struct.pack(">bbib", 0, 1, -(2**31), 0)
    answer = struct.pack(">ibibbi", number, 0, 0, 1, 0, -1) + b"\2" + topic
    answer += struct.pack(">i", -(2**31)) if version <= 10 else b""
    answer += struct.pack(">h", 0) if version >= 13 else b""
    return struct.pack(">i", len(answer) + 1) + answer + b"\0"


def _pass_on(source, sink):
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _hang_up(source, sink)


def _hang_up(*sockets):
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
