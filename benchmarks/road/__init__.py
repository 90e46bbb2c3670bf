"""What an event costs on the whole road, beside the bare model, a minimal loop, Faust and Quix Streams.

    make bench                            # or: python -m benchmarks.road --help

Every contestant runs in a process of its own, one after the other, over the same topics of a real Apache Kafka on
this machine. The topics are filled before. What is counted is the CPU time of the whole process (user and system,
the threads of librdkafka included) and the wall time, from the moment when it begins to read until its last
prediction is acknowledged.

Nothing is cut off at the beginning as a warm-up: librdkafka reads ahead, so that by the time when a tenth of the
messages are handled it may have fetched all of them, and a window that begins there would leave out the fetching.
Instead every contestant first exercises a throw-away model (`job.Job.warm_up`), and the workload is large enough for
the first milliseconds not to matter. Start-up (imports, connecting, taking over the lanes) is not in the window.

Two full topics are read in no order: at first events come up to some ten thousand ahead of their labels, and later the
labels ahead of the events. The cost of joining does not hang on that (measured: the minimal loop uses the same CPU when
it reads both topics in step), but a model that learns late answers worse for a while, and a tree that grows late is
cheaper. The accuracy in the report shows how far contestants differ in this; a larger workload makes it less.

An *event* means an event, its label and its prediction: half the number of messages handled.

| file | contestant |
| --- | --- |
| `bare.py` | the River model in a loop, over decoded events in memory |
| `minimal.py` | the least that a hand-written loop on confluent-kafka must do: decode, join, model, publish |
| `faust_agent.py` | two plain Faust agents, with the same model |
| `quix.py` | a Quix Streams application, with the same model; it joins nothing |
| `road.py` | `driftline streams`, watched from outside |
"""
