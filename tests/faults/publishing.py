"""A publisher of its own process: events, and each event's label a while later, until SIGTERM.

    python publishing.py BROKERS TOPIC PARTITIONS EVENTS_PER_SECOND [EVENTS]

It ends by itself after so many events. Either way the labels that are still due are published before it ends.
"""

import json
import signal
import sys
import time

from confluent_kafka import Producer

BEHIND = 40
"""Events between an event and its label."""
KEYS = 8


def event(i):
    """The i-th event; every 97th is poison."""
    key = f"k{i % KEYS}"
    x = {"load": float((i * 7) % 11), "heat": ((i * 13) % 29) / 3, "wave": 10.0 + (i // KEYS) % 12}
    body = {"id": f"e{i}", "at": 1.7e9 + i * 0.05, "sensor": key, "x": x}
    return key, b'{"id": poison' if i % 97 == 96 else json.dumps(body).encode()


def label(i):
    """Its label; what is true turns round every 500 events, every 31st label comes twice and contradicts itself."""
    yes = ((i * 7) % 11 > 5) == (i // 500 % 2 == 0)
    body = {"of": f"e{i}", "at": 1.7e9 + (i + BEHIND) * 0.05, "y": yes}
    other = {**body, "y": not yes}
    return f"k{i % KEYS}", [json.dumps(said).encode() for said in ([body, other] if i % 31 == 30 else [body])]


def main(brokers, topic, partitions, rate, events=10**9):
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5, "acks": "all"})
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))

    def send(name, key, value):
        producer.produce(name, value, key, int(key[1:]) % partitions)

    def send_label(i):
        key, values = label(i)
        for value in values:
            send(f"{topic}.labels", key, value)

    started, i = time.monotonic(), 0
    while i < events and not stopping:
        due = min(events, int((time.monotonic() - started) * rate) + 1)
        for n in range(i, due):
            send(topic, *event(n))
            if n >= BEHIND:
                send_label(n - BEHIND)
        i = due
        producer.poll(0)
        time.sleep(0.01)
    for n in range(max(0, i - BEHIND), i):
        send_label(n)
    producer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
