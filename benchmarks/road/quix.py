"""A Quix Streams application with the same model.

Quix Streams has no join of an event with a label that comes later by an id, so it is spared that: the label topic is
not read, and the truth of each event is looked up in memory, by its number, at once after the prediction. It decodes
and handles half as many messages as the others do. An event counts the same: predicted, published, learnt.
"""

import quixstreams

from benchmarks.road.job import Job, Meter
from benchmarks.road.workload import rows


def main() -> None:
    """Handle all events once."""
    job = Job.from_argv()
    job.warm_up()
    models = job.make_models()
    truth = [row.y for row in rows(job.events, job.seed)]
    meter = Meter()
    app = quixstreams.Application(
        broker_address=job.brokers,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="WARNING",
    )
    events = app.topic(job.events_topic, value_deserializer="json")
    predictions = app.topic(job.predictions_topic, value_serializer="json")

    def predict_and_learn(event: dict) -> dict:
        meter.start()
        where = quixstreams.message_context()
        model = models[where.partition]
        x = event["x"]
        p = model.predict_proba_one(x).get(True, 0.0)
        model.learn_one(x, truth[int(event["id"][1:])])
        return {"id": f"quix/{where.partition}/{where.offset}", "of": event["id"], "y": p > 0.5, "p": p}

    app.dataframe(events).apply(predict_and_learn).to_topic(predictions)
    app.run(count=job.events, collect=False)  # it flushes and commits before it returns
    meter.stop(job.messages)


if __name__ == "__main__":
    main()
