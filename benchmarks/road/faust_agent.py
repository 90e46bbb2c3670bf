"""Two plain Faust agents with the same model, written as Faust's documentation does it.

One agent predicts and sends, the other joins labels with the features kept in a dict, and learns. Messages are plain
JSON dicts (`faust.Record` would cost more), and Faust takes orjson where it is installed. Two settings are better than
Faust's own: the producer lingers, which makes batches, and Faust's log is off, which by default makes a record of every
message sent, at the level of debugging, and then drops it. Offsets are committed in Faust's usual rhythm. It keeps no
state that survives: tables would cost a changelog message for every change.
"""

import os
import sys
import tempfile

import faust

from benchmarks.road.job import Job, Meter


def make(job: Job) -> faust.App:
    """Return the application that handles the job's events and then ends the process."""
    app = faust.App(
        job.group,
        broker=f"kafka://{job.brokers}",
        value_serializer="json",
        key_serializer="raw",
        consumer_auto_offset_reset="earliest",
        topic_partitions=job.partitions,
        producer_linger=0.02,
        topic_disable_leader=True,
        datadir=tempfile.mkdtemp(prefix="faust-"),
        web_enabled=False,
    )
    events = app.topic(job.events_topic, value_serializer="json", key_type=bytes)
    labels = app.topic(job.labels_topic, value_serializer="json", key_type=bytes)
    predictions = app.topic(job.predictions_topic, value_serializer="json", key_type=bytes)
    models = job.make_models()
    waiting: dict[str, dict[str, float]] = {}
    early: dict[str, bool] = {}
    meter = Meter()
    handled = 0

    async def count() -> None:
        nonlocal handled
        handled += 1
        if handled == job.messages:
            await app.producer.flush()
            meter.stop(handled)
            os._exit(0)  # a worker takes seconds to leave its group in good order, and all is measured

    @app.agent(events)
    async def predict(stream):  # type: ignore[no-untyped-def]
        async for event in stream.events():
            meter.start()
            value, message = event.value, event.message
            model = models[message.partition]
            p = model.predict_proba_one(value["x"]).get(True, 0.0)
            await predictions.send(
                key=message.key,
                partition=message.partition,
                value={
                    "id": f"faust/{message.partition}/{message.offset}",
                    "of": value["id"],
                    "y": p > 0.5,
                    "p": p,
                },
            )
            y = early.pop(value["id"], None)
            if y is None:
                waiting[value["id"]] = value["x"]
            else:
                model.learn_one(value["x"], y)
            await count()

    @app.agent(labels)
    async def learn(stream):  # type: ignore[no-untyped-def]
        async for event in stream.events():
            meter.start()
            value = event.value
            x = waiting.pop(value["of"], None)
            if x is None:
                early[value["of"]] = value["y"]
            else:
                models[event.message.partition].learn_one(x, value["y"])
            await count()

    return app


def main() -> None:
    """Run the worker."""
    job = Job.from_argv()
    job.warm_up()
    sys.argv[1:] = []
    faust.Worker(make(job), override_logging=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
