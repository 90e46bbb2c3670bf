"""What forecasters are judged by: a series that has a season, and the error on it."""

import numpy as np
from river import datasets

AIR = [y for _, y in datasets.AirlinePassengers()]


def error(model, values, horizon, after):
    """Mean absolute error of all steps of the horizon, each forecast made before its values were learnt."""
    errors = []
    for t, y in enumerate(values):
        model.learn_one(y)
        if after <= t < len(values) - horizon:
            errors.append(np.abs(np.array(model.forecast(horizon)) - values[t + 1 : t + 1 + horizon]).mean())
    return float(np.mean(errors))
