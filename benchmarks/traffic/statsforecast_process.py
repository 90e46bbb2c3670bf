"""Statsforecast in the rivals' environment; only the standard library, numpy and statsforecast.

Reads a pickled (name, season, horizon, histories) from its standard input, and writes a pickled dictionary to its
output. A model is fitted anew for each history: that is how these are used.
"""

import importlib.metadata
import pickle
import sys
import time
import warnings

FORTNIGHT = 14
"""Days that a model with one season is given; it is given all where there are two."""
LEVEL = 90


def made(name, season):
    """Return a model by name, and of how many last values it is made."""
    from statsforecast import models

    if name == "mstl":
        return models.MSTL(season_length=[season, 7 * season]), None
    one = {"auto-ets": models.AutoETS, "theta": models.DynamicOptimizedTheta}[name]
    return one(season_length=season), FORTNIGHT * season


def main():
    """Forecast."""
    warnings.simplefilter("ignore")
    name, season, horizon, histories = pickle.load(sys.stdin.buffer)
    said, low, high, seconds = [], [], [], 0.0
    for i, history in enumerate([histories[0], *histories]):
        model, last = made(name, season)
        known = history[-last:].copy() if last else history
        began = time.process_time()
        told = model.forecast(y=known, h=horizon, level=[LEVEL])
        spent = time.process_time() - began
        if i == 0:
            continue  # it was compiled in that
        seconds += spent
        said.append(told["mean"].tolist())
        low.append(told[f"lo-{LEVEL}"].tolist())
        high.append(told[f"hi-{LEVEL}"].tolist())
    version = importlib.metadata.version("statsforecast")
    found = {"said": said, "low": low, "high": high, "seconds": seconds, "version": version}
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    main()
