"""The minimal loop on confluent-kafka: decode, join, predict, publish, learn; nothing else.

The bar for the road. No validation beyond the types, no bounds, no repeats, no scores, no state that survives: when
this process dies, all is lost. Labels that come before their event are kept, because two topics are read in no order.
"""

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.road.job import Job, Meter


class Event(msgspec.Struct, gc=False):
    """A reading of a sensor."""

    id: str
    at: float
    sensor: str
    x: dict[str, float]


class Label(msgspec.Struct, gc=False):
    """The truth about an event."""

    of: str
    at: float
    y: bool


class Prediction(msgspec.Struct, gc=False):
    """What the model said."""

    id: str
    of: str
    y: bool
    p: float


def main() -> None:
    """Handle all events and labels once."""
    job = Job.from_argv()
    job.warm_up()
    models = job.make_models()
    consumer = Consumer({"bootstrap.servers": job.brokers, "group.id": job.group, "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": job.brokers, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    produce, encode = producer.produce, msgspec.json.Encoder().encode
    decode_event, decode_label = msgspec.json.Decoder(Event).decode, msgspec.json.Decoder(Label).decode
    events_topic, out = job.events_topic, job.predictions_topic
    waiting: dict[str, dict[str, float]] = {}
    early: dict[str, bool] = {}
    handled = 0
    meter = Meter()
    meter.start()
    consumer.assign(
        [TopicPartition(topic, p, 0) for topic in (job.events_topic, job.labels_topic) for p in range(job.partitions)]
    )
    while handled < job.messages:
        messages = consumer.consume(2_000, timeout=0.5)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            partition = message.partition()
            model = models[partition]
            if message.topic() == events_topic:
                event = decode_event(message.value())
                p = model.predict_proba_one(event.x).get(True, 0.0)
                prediction = Prediction(f"minimal/{partition}/{message.offset()}", event.id, p > 0.5, p)
                produce(out, encode(prediction), message.key(), partition)
                y = early.pop(event.id, None)
                if y is None:
                    waiting[event.id] = event.x
                else:
                    model.learn_one(event.x, y)
            else:
                label = decode_label(message.value())
                x = waiting.pop(label.of, None)
                if x is None:
                    early[label.of] = label.y
                else:
                    model.learn_one(x, label.y)
        handled += len(messages)
        producer.poll(0)
    producer.flush()
    meter.stop(handled)
    consumer.close()


if __name__ == "__main__":
    main()
