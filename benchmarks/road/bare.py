"""The bare model in a loop: what predicting and learning alone cost.

Events are decoded and in memory before the measurement; a label is learnt as many events later as on the topics, by
the model of its partition.
"""

from benchmarks.road.job import Job, Meter
from benchmarks.road.workload import rows


def main() -> None:
    """Predict and learn the whole stream."""
    job = Job.from_argv()
    job.warm_up()
    models = job.make_models()
    stream = [(models[row.sensor % job.partitions], row.x, row.y) for row in rows(job.events, job.seed)]
    predictions = []
    meter = Meter()
    meter.start()
    for i, (model, x, _) in enumerate(stream):
        predictions.append(model.predict_proba_one(x).get(True, 0.0))
        if i >= job.delay:
            model, x, y = stream[i - job.delay]
            model.learn_one(x, y)
    for model, x, y in stream[-job.delay :]:
        model.learn_one(x, y)
    meter.stop(job.messages)


if __name__ == "__main__":
    main()
