"""Vowpal Wabbit in the rivals' environment; only the standard library and vowpalwabbit.

Reads a pickled (events, labels, delay, chunk, further arguments) from its standard input, and writes a pickled
dictionary to its output.
"""

import importlib.metadata
import pickle
import sys
import time
from pathlib import Path

ARGUMENTS = "--loss_function logistic --link logistic --quiet"


def line(x, y=None):
    """Return an event as Vowpal Wabbit reads it: ids, categories and indicators each have a namespace."""
    texts, flags = [], []
    for name, value in x.items():
        if name in ("user", "item"):
            continue
        word = name.replace(" ", "_")
        if value == 1.0 and value.__class__ is float:
            flags.append(word)
        else:
            texts.append(f"{word}={value}")
    label = "" if y is None else "1 " if y else "-1 "
    return f"{label}|u {x['user']} |i {x['item']} |a {' '.join(texts)} |c {' '.join(flags)}"


def anonymous():
    """Return this process's anonymous resident bytes."""
    rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(row.split()[1]) for row in rows if row.startswith("RssAnon:"))


def main():
    """Answer and learn."""
    from vowpalwabbit import Workspace

    xs, ys, delay, chunk, further = pickle.load(sys.stdin.buffer)
    said = [0.0] * len(xs)
    before = anonymous()
    model = Workspace(f"{ARGUMENTS} {further}")

    began = time.process_time()
    if delay:
        for i, x in enumerate(xs):
            if i % chunk == 0:
                for j in range(max(i - chunk - delay, 0), max(i - delay, 0)):
                    model.learn(line(xs[j], ys[j]))
            said[i] = model.predict(line(x))
        seconds = time.process_time() - began
        bare = seconds
    else:
        texts = 0.0
        for start in range(0, len(xs), chunk):
            here = slice(start, start + chunk)
            formed = time.process_time()
            lines = [line(x, y) for x, y in zip(xs[here], ys[here], strict=True)]
            texts += time.process_time() - formed
            for i, text in enumerate(lines, start):
                example = model.parse(text)
                model.learn(example)
                said[i] = example.get_simplelabel_prediction()  # as it stood before it learnt
                model.finish_example(example)
        seconds = time.process_time() - began
        bare = seconds - texts
    found = {
        "said": said,
        "seconds": seconds,
        "bare": bare,
        "grown": anonymous() - before,
        "version": importlib.metadata.version("vowpalwabbit"),
    }
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    main()
