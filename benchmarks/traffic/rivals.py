"""River's models, statsforecast's and Fracast alone, one for each cell."""

import pickle
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from river import linear_model, optim, preprocessing, time_series

from benchmarks.child import Failed
from benchmarks.traffic.contestants import Row
from benchmarks.traffic.scores import Answers
from benchmarks.traffic.worlds import Task

PROCESS = Path(__file__).with_name("statsforecast_process.py")
PACE = 1e-3
"""Step of River's gradient descent; with its default of .01 it leaves all bounds after the first burst."""
FRACAST_BATCH = 16


def of_river(row: Row, season: int, step: bool) -> Any:
    """Return a model of River's; `step` for one step ahead, else a day."""
    if row is Row.HOLT_WINTERS:
        return time_series.HoltWinters(0.5, 0.05)
    if row is Row.HOLT_WINTERS_SEASON:
        return time_series.HoltWinters(0.3, 0.01, 0.2, seasonality=season)
    line = linear_model.LinearRegression(optimizer=optim.SGD(PACE))
    lags = preprocessing.StandardScaler() | line
    return time_series.SNARIMAX(p=6, d=0, q=0, m=season, sp=1 if step else 7, regressor=lags)


def river(task: Task, row: Row) -> Answers:
    """Learn each value of each cell and forecast at the origins."""
    return streamed(task, lambda: of_river(row, task.season, task.world.step))


def streamed(task: Task, make: Callable[[], Any]) -> Answers:
    """Let a model of each cell learn its values in order, and forecast at the origins."""
    said = np.empty((len(task.origins), task.cells, task.horizon))
    learning = telling = 0.0
    sizes = []
    origins = task.origins.tolist()
    for cell in range(task.cells):
        model, at = make(), 0
        for i, origin in enumerate(origins):
            began = time.process_time()
            for y in task.ys[at:origin, cell].tolist():
                model.learn_one(y)
            learnt = time.process_time()
            said[i, cell] = model.forecast(task.horizon)
            learning += learnt - began
            telling += time.process_time() - learnt
            at = origin
        sizes.append(len(pickle.dumps(model)))
    updates, forecasts = origins[-1] * task.cells, said[..., 0].size
    return Answers(said, 1e3 * learning / updates, 1e3 * telling / forecasts, float(np.mean(sizes)))


def statsforecast(task: Task, row: Row, python: Path) -> Answers:
    """Fit anew at each origin, in a process of the rivals' environment. Raises `Failed`."""
    histories = [task.known(origin, cell) for origin in task.origins for cell in range(task.cells)]
    given = pickle.dumps((str(row), task.season, task.horizon, histories))
    done = subprocess.run([python, PROCESS], input=given, capture_output=True, check=False)
    if done.returncode:
        raise Failed(f"{row} on {task.world}: {(done.stderr.decode().strip() or 'ended').splitlines()[-1]}")
    told = pickle.loads(done.stdout)
    said, low, high = (
        np.array(told[part]).reshape(len(task.origins), task.cells, task.horizon) for part in ("said", "low", "high")
    )
    return Answers(said, 0.0, 1e3 * told["seconds"] / len(histories), low=low, high=high)


def fracast(task: Task) -> Answers:
    """Continue all that is known with Fracast as its package has it; its outer quantiles are an 80 % interval."""
    import torch
    from fracast import FracastModel

    torch.set_num_threads(1)
    network = FracastModel.from_pretrained()
    middle = list(network.quantiles).index(0.5)
    found = []
    began = time.process_time()
    for origin in task.origins:
        known = np.ascontiguousarray(task.ys[max(origin - network.context_length, 0) : origin].T)
        parts = [known[at : at + FRACAST_BATCH] for at in range(0, len(known), FRACAST_BATCH)]
        found.append(np.concatenate([network.forecast_batch(part, horizon=task.horizon) for part in parts]))
    spent = time.process_time() - began
    told = np.stack(found).astype(float)
    if (task.ys >= 0).all():
        told = told.clip(0.0)
    said, low, high = told[..., middle], told[..., 0], told[..., -1]
    return Answers(said, 0.0, 1e3 * spent / said[..., 0].size, low=low, high=high)
