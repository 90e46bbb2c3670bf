"""A site for faults: real brokers, streams processes that can be killed, a publisher, and the sequential oracle.

with Site(kafka.bootstrap, redis.url, folder) as site:
publisher = site.publish(rate=500)
first, second = site.streams(), site.streams()
... first.kill() ...
publisher.stop()
site.settle()
assert site.faults() == []
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec
from predictions import believed
from redis import Redis

from driftline.services import topics
from driftline.services.servers.process import free_port
from driftline.services.settings import load
from driftline.streams import header
from driftline.streams.config import ALARM_TOPIC
from driftline.streams.failpoint import POINTS
from driftline.streams.fence import decode
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.redis_store import RedisStore
from driftline.streams.state import digests, restore
from driftline.streams.vault import Vault
from driftline.streams.wire import answer

KEY = "a key of these tests alone"
PARTITIONS = 2

CONFIG = """
[streams.{stream}]
kind = "sensor"
topic = "{stream}"
partitions = {partitions}
skew_seconds = 30  # a lane that catches up freely goes another way than one that lived: only the published order helps
waiting = {{ max_count = 300, max_age_seconds = 600, early_max_count = 100, early_max_age_seconds = 600 }}
checkpoint = {{ events = {events}, seconds = {seconds} }}

[streams.{stream}.models.logistic]
class = "river.linear_model:LogisticRegression"
drift = {{ detector = "adwin", policy = "reset" }}

[streams.{stream}.contests.best]
models = ["each", "logistic"]
loss = "brier"
run_length = 20

[streams.{stream}.models.each]
class = "hoeffding-adaptive-tree"
parameters = {{ grace_period = 10 }}
per = "key"
max_keys = 3

[streams.{stream}.models.ahead]
class = "holt-winters"
per = "key"
target = "wave"
horizon = 3

[streams.{stream}.models.strange]
class = "river.anomaly:HalfSpaceTrees"
parameters = {{ n_trees = 3, height = 4, window_size = 50, seed = 1 }}
"""


class Process:
    """One process of the site; it serves its health on `port`, if it has one."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str], port: int | None = None):
        self.log = log
        self.port = port
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env})

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def ready(self) -> tuple[int, dict[str, str]]:
        """What /readyz answers: the status, and what is missing; 0 where nobody answers."""
        if self.port is None:
            return 0, {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, msgspec.json.decode(answer.read())["troubles"]
        except urllib.error.HTTPError as refusal:
            return refusal.code, msgspec.json.decode(refusal.read())["troubles"]
        except OSError:
            return 0, {}

    def signal(self, number: int) -> None:
        """Send a signal, if it lives."""
        if self.running:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout_seconds: float = 30) -> int:
        """SIGTERM; return the exit status."""
        self.signal(signal.SIGTERM)
        return self._process.wait(timeout_seconds)

    def wait(self, timeout_seconds: float = 120) -> int:
        """Wait until it ends by itself; return the exit status."""
        return self._process.wait(timeout_seconds)


class Site:
    """One stream of its own on given brokers."""

    def __init__(self, brokers: str, redis_url: str, folder: Path, events: int = 2_000, seconds: float = 1.0):
        self.stream = f"faults-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.path = folder / "driftline.toml"
        self.path.write_text(
            CONFIG.format(stream=self.stream, partitions=PARTITIONS, events=events, seconds=seconds)
        )  # fmt: skip
        self.settings = load(
            self.path, app=self.stream, kafka={"brokers": brokers}, redis={"url": redis_url}, data=folder
        )
        self.config = self.settings.streams[self.stream]
        self.vault = Vault(KEY.encode())
        self.store = RedisStore(redis_url)
        self.processes: list[Process] = []
        self.names = 0
        self._log: KafkaLog | None = None

    def __enter__(self) -> Site:
        topics.create(self.settings.kafka.brokers, self.settings.streams)
        self._log = KafkaLog({"bootstrap.servers": self.settings.kafka.brokers})
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            process.kill()
        if self._log is not None:
            self._log.close()

    @property
    def log(self) -> KafkaLog:
        """A reader of the topics."""
        assert self._log is not None
        return self._log

    def lane(self, partition: int) -> Lane:
        """A lane as configured, without state."""
        return Lane(self.stream, partition, self.config, self.vault, app=self.stream)

    # -- processes ---------------------------------------------------------------------------------------------------

    def streams(
        self, instance: str | None = None, failpoint: str | None = None, client: Mapping[str, str] | None = None
    ) -> Process:
        """Start a streams process: a member of the group by a name of its own, or under any name.

        `client` are more options of librdkafka.
        """
        self.names += 1
        port = free_port()
        env = {
            "DRIFTLINE_CONFIG": str(self.path),
            "DRIFTLINE_APP": self.stream,
            "DRIFTLINE_DATA": str(self.folder / f"data{self.names}"),
            "DRIFTLINE_KAFKA__BROKERS": self.settings.kafka.brokers,
            "DRIFTLINE_KAFKA__GROUP": self.stream,
            "DRIFTLINE_KAFKA__SESSION_TIMEOUT_SECONDS": "1.5",
            "DRIFTLINE_REDIS__URL": self.settings.redis.url,
            "DRIFTLINE_SECRETS__SNAPSHOT_KEY": KEY,
            "DRIFTLINE_WEB__PORT": str(port),
        }
        if instance is not None:
            env["DRIFTLINE_KAFKA__INSTANCE"] = instance
        if failpoint is not None:
            env["DRIFTLINE_FAILPOINT"] = failpoint
        if client is not None:
            env["DRIFTLINE_KAFKA__CLIENT"] = msgspec.json.encode(client).decode()
        return self._start([sys.executable, "-m", "driftline", "streams"], f"streams{self.names}", env, port)

    def publish(self, rate: int, events: int | None = None) -> Process:
        """Start a publisher, of so many events or until it is stopped."""
        command = [sys.executable, str(Path(__file__).with_name("publishing.py")), self.settings.kafka.brokers]
        command += [self.stream, str(PARTITIONS), str(rate), *([str(events)] if events else [])]
        return self._start(command, "publisher", {})

    def _start(self, command: list[str], name: str, env: dict[str, str], port: int | None = None) -> Process:
        process = Process(command, self.folder / f"{name}.log", env, port)
        self.processes.append(process)
        return process

    # -- what is stored ----------------------------------------------------------------------------------------------

    def gen(self, partition: int) -> int:
        """The take-over in force, as the store has it."""
        with Redis.from_url(self.settings.redis.url) as redis:
            return int(redis.hget(f"{{{self.lane(partition).name}}}", "gen") or 0)

    def head(self, partition: int) -> header.Header | None:
        """The header of the newest generation."""
        name = self.lane(partition).name
        kept = self.store.peek(name)
        return header.read(kept[-1], name, self.vault) if kept else None

    def ends(self, partition: int) -> dict[str, int]:
        """Where the topics that feed a lane end."""
        return {topic: self.log.bounds(topic, partition)[1] for topic in (self.config.topic, self.config.label_topic)}

    def wait(self, until, what: str, timeout_seconds: float = 90) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + timeout_seconds
        while not until():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"{p.log.name}, ready: {p.ready()}, ends: {p.log.read_text()[-1_500:]}" for p in self.processes[-4:]
                )
                raise AssertionError(f"waited in vain until {what}\n{logs}")
            time.sleep(0.05)

    def predicted(self) -> bool:
        """Whether every lane has published something."""
        return all(self.head(n) is not None for n in range(PARTITIONS))

    def settle(self) -> None:
        """Wait until all that was published is handled and checkpointed."""

        def done(partition: int) -> bool:
            head = self.head(partition)
            return head is not None and head.offsets == self.ends(partition)

        for partition in range(PARTITIONS):
            self.wait(lambda n=partition: done(n), f"lane {partition} is done")

    def wait_for_progress(self, processes: list[Process]) -> None:
        """Wait until every lane is held by somebody who publishes, or one of the processes has died by itself."""
        topic = self.config.prediction_topic
        before = [self.log.bounds(topic, n)[1] for n in range(PARTITIONS)]

        def done() -> bool:
            return not all(process.running for process in processes) or all(
                self.log.bounds(topic, n)[1] > before[n] + 100 for n in range(PARTITIONS)
            )

        self.wait(done, "all lanes go on")

    def _read(self, suffix: str, partition: int):
        topic = f"{self.stream}.{suffix}"
        return self.log.read(topic, partition, 0, self.log.bounds(topic, partition)[1])

    # -- the oracle --------------------------------------------------------------------------------------------------

    def messages(self, topic: str, partition: int) -> list[Message]:
        """All messages of a topic."""
        _, end = self.log.bounds(topic, partition)
        found = []
        for one in self.log.messages(topic, partition, 0, end):
            _, millis = one.timestamp()
            found.append(Message(topic, one.offset(), one.key(), one.value(), millis / 1e3))
        return found

    def faults(self) -> list[str]:
        """What differs from one sequential life of each lane; nothing, if all is well."""
        said, outs = [], []
        for partition in range(PARTITIONS):
            said += self._compare(partition, outs)
        return said + self._told(outs)

    def _compare(self, partition: int, outs: list) -> list[str]:
        found, twice, reader = believed(self._read("predictions", partition), partition)
        said = [f"{id_} has two values" for id_ in twice]
        oracle, labels = self.lane(partition), self.messages(self.config.label_topic, partition)
        seen = {int(id_.rpartition("/")[2]): record.seen[oracle.labels] for id_, record in found.items()}
        wanted, done = set(), 0
        for event in self.messages(self.config.topic, partition):
            until = seen.get(event.offset, done)
            if until > done:
                outs += oracle.handle(labels[done:until])
                done = until
            for out in oracle.handle([event]):
                if out.topic != self.config.prediction_topic:
                    outs.append(out)
                    continue
                wanted.add(out.id)
                made, theirs = decode(out.value), found.get(out.id)
                if theirs is not None and (*answer(made), made.seen, made.champion_of) != (
                    *answer(theirs), theirs.seen, theirs.champion_of,
                ):  # fmt: skip
                    said.append(f"{out.id} is {theirs}, in order it is {made}")
        outs += oracle.handle(labels[done:])
        outs += oracle.outbox
        said += [f"{id_} is missing" for id_ in wanted - set(found)]
        said += [f"{id_} is too much" for id_ in set(found) - wanted]
        print(f"lane {partition}: {len(wanted)} predictions, {reader.repeats} repeats, {reader.void} void")
        live, kept = self.lane(partition), self.store.peek(oracle.name)[-1]
        restore(live, kept.parts, kept.keyed)
        ours, theirs = digests(oracle), digests(live)
        return said + [f"lane {partition}: {part} differs" for part in ours if ours[part] != theirs[part]]

    def _told(self, outs: list) -> list[str]:
        """Dead letters and alarms: every one of the order is there, with its value, and there are no others."""
        said = []
        for topic, mine in ((self.config.dead_topic, None), (ALARM_TOPIC, self.stream)):
            wanted = {out.id: out.value for out in outs if out.topic == topic}
            told = defaultdict(set)
            counts = topics.partition_counts(self.settings.kafka.brokers)[topic]
            for partition in range(counts):
                for _, value in self.log.read(topic, partition, *self.log.bounds(topic, partition)):
                    letter = msgspec.json.decode(value)
                    if mine is None or letter["stream"] == mine:
                        told[letter["id"]].add(value)
            said += [f"{topic}: {id_} is missing" for id_ in set(wanted) - set(told)]
            said += [f"{topic}: {id_} is too much" for id_ in set(told) - set(wanted)]
            said += [f"{topic}: {id_} differs" for id_ in set(told) & set(wanted) if told[id_] != {wanted[id_]}]
        return said


class Pair:
    """Two streams processes, killed and started again by the dice.

    (With the published order ignored in a replay, four rounds left a thousand predictions with two values.)
    """

    def __init__(self, site: Site, seed: int, static: bool):
        self.site = site
        self.rng = random.Random(seed)
        self.static = static
        self.points: list[str] = []
        """Failpoints that were armed."""
        self.alive = [site.streams(self._instance(n)) for n in range(2)]

    def _instance(self, n: int) -> str | None:
        return f"member{n}" if self.static else None

    def round(self) -> None:
        """Kill one or both at a random moment, and start again what is dead, sometimes to die at a failpoint."""
        rng, site = self.rng, self.site
        site.wait_for_progress(self.alive)
        time.sleep(rng.uniform(0.0, 2.0))
        for n in (0, 1) if rng.random() < 0.25 else (rng.randrange(2),):
            self.alive[n].kill()
        time.sleep(rng.choice([0.0, 0.5, 2.0]))
        for n, process in enumerate(self.alive):
            if not process.running:
                point = f"{rng.choice(POINTS)}:{rng.choice([1, 2, 7, 40])}" if rng.random() < 0.4 else None
                self.points += [point] if point else []
                self.alive[n] = site.streams(self._instance(n), point)

    def rest(self) -> None:
        """Start again what is dead, without failpoints, so that all can be finished."""
        for n, process in enumerate(self.alive):
            process.kill()
            self.alive[n] = self.site.streams(self._instance(n))
