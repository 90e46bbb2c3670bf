"""`driftline models`: which models there are, which are configured, and how they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from driftline.models.base import Pictured
from driftline.models.clustering.life import ClusterLife, Living
from driftline.services import checkpoints
from driftline.services.cell_view import newest_keys
from driftline.services.cluster_rows import clusters_table, history_table, life_as_json
from driftline.services.commands.model_cell import LISTED, list_cells, show_cell
from driftline.services.commands.model_versions import rollback, versions
from driftline.services.console import (
    FAILURE,
    UNAVAILABLE,
    USAGE,
    Config,
    Json,
    connected,
    explained,
    fail,
    out,
    say_json,
    settings_of,
)
from driftline.services.contest_rows import contest_rows, contests_table
from driftline.services.refined_rows import refined_table
from driftline.services.score_rows import score_rows, scores_table
from driftline.services.settings import Settings
from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.model_config import ModelConfig
from driftline.streams.registry import MODELS

models = typer.Typer(invoke_without_command=True)
models.command("versions")(versions)
models.command("rollback")(rollback)


@models.callback()
def list_models(context: typer.Context, config: Config = None, as_json: Json = False) -> None:
    """List the registered models, and those of each configured stream.

    For example:

        driftline models
        driftline models show sensors tree
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(config)
    if as_json:
        say_json(
            {
                "registry": {
                    name: {"class": spec.path, "task": spec.task, "about": spec.about, "heavy": spec.heavy}
                    for name, spec in MODELS.items()
                },
                "configured": _configured(settings),
            }
        )
        return
    registry = Table("name", "task", "what it is", title="models that can be named", title_justify="left")
    for name, spec in MODELS.items():
        registry.add_row(name, spec.task, spec.about)
    out.print(registry)
    out.print("Any River estimator can be named by its path, such as river.tree:HoeffdingTreeClassifier.\n")
    table = Table("stream", "model", "class", "task", "per", "version", title="configured", title_justify="left")
    for row in _configured(settings):
        table.add_row(row["stream"], row["model"], row["class"], row["task"], row["per"], row["version"])
    out.print(table)


@models.command("show")
def show_model(
    stream: Annotated[str, typer.Argument(help="The stream.")],
    model: Annotated[str, typer.Argument(help="The model, as it is named there.")],
    config: Config = None,
    as_json: Json = False,
    png: Annotated[
        Path | None,
        typer.Option(help="Also draw its hierarchy, its clusters or the cell here; of several lanes, one file each."),
    ] = None,
    cell: Annotated[str | None, typer.Option(help="Of a forecaster: show this key alone.")] = None,
) -> None:
    """Show a model's scores beside its baselines, in each lane, as of the newest snapshot.

    And what it has to show of itself: a hierarchy, or its clusters now and what became of those before. With --cell,
    one key of a forecaster: its last values, the forecast, what became of earlier ones, and what its experts count.

    For example:

        driftline models show sensors tree
        driftline models show yeast ihomer --png labels.png
        driftline models show sensors clusters --png clusters.png
        driftline models show cells volume --cell cell-3 --png cell.png
    """
    with explained():
        settings = connected(config, kafka=False, redis=True)
        known = settings.streams.get(stream)
        if known is None or model not in known.models:
            names = ", ".join(f"{row['stream']} {row['model']}" for row in _configured(settings))
            fail(f"no model {model!r} in a stream {stream!r}: it is one of {names}", USAGE)
        found = [checkpoints.newest(settings, lane) for lane in checkpoints.lanes(settings, stream)]
    rows = []
    pictures: list[tuple[int, Pictured]] = []
    lives: list[tuple[int, ClusterLife]] = []
    series: list[tuple[int, ForecastSlot]] = []
    for one in found:
        if one is None or one.state is None or one.header is None or model not in one.header.models:
            continue
        slot = next(slot for slot in one.state.slots if slot.name == model)
        if slot.keyed is None and isinstance(slot.model, Pictured):
            pictures.append((one.state.partition, slot.model))
        if slot.keyed is None and isinstance(slot.model, Living):
            lives.append((one.state.partition, slot.model.life()))
        if isinstance(slot, ForecastSlot):
            series.append((one.state.partition, slot))
        rows.append(
            next(row for row in score_rows(one.state) if row["model"] == model)
            | {
                "predicted": slot.predicted,
                "drifts": slot.drifts,
                "keys": None if slot.keyed is None else len(slot.keyed),
                "since": slot.since or one.header.origin,
                "offsets": one.header.offsets,
                "serial": one.serial,
            }
        )
    about = _about(stream, model, known.models[model])
    if cell is not None:
        show_cell(about, series, cell, png, as_json)
        return
    if png is not None and series:
        fail("--png draws one series of a forecaster: say which with --cell", USAGE)
    drawn = _draw(pictures, lives, png, f"{stream}: {model}") if png is not None else []
    if as_json:
        hierarchies = {str(partition): picture.draw() for partition, picture in pictures}
        told = {str(partition): life_as_json(life) for partition, life in lives}
        cells = [key for key, _ in newest_keys([slot for _, slot in series], LISTED)]
        more = {"hierarchies": hierarchies, "lives": told, "cells": cells, "files": drawn}
        say_json(about | {"lanes": rows} | more)
        return
    for name, value in about.items():
        out.print(f"{name:>11}  {value}", markup=False, highlight=False)
    if not rows:
        out.print("no snapshot holds it yet")
        return
    out.print(scores_table(rows))
    if any(row["refined"] for row in rows):
        out.print(refined_table(rows))
    for row in rows:
        keys = "" if row["keys"] is None else f", {row['keys']:,} keys"
        out.print(
            f"lane {row['partition']}: {row['predicted']:,} predictions, {row['drifts']:,} drifts{keys}",
            highlight=False,
        )
    for partition, picture in pictures:
        out.print(f"\nlane {partition}: {picture.draw()}", markup=False, highlight=False)
    for partition, life in lives:
        out.print(f"\nlane {partition}", highlight=False)
        out.print(clusters_table(life))
        out.print(history_table(life))
    list_cells(series)
    for path in drawn:
        out.print(f"drawn: {path}", markup=False, highlight=False)


@models.command("contests")
def show_contests(config: Config = None, as_json: Json = False) -> None:
    """Show who leads each contest of models, in each lane, and how near its challengers are to promotion.

    For example:

        driftline models contests
        driftline models contests --json
    """
    with explained():
        settings = connected(config, kafka=False, redis=True)
        lanes = [
            found.state
            for stream, known in settings.streams.items()
            if known.contests
            for lane in checkpoints.lanes(settings, stream)
            if (found := checkpoints.newest(settings, lane)) is not None and found.state is not None
        ]
    rows = [row for lane in lanes for row in contest_rows(lane)]
    if as_json:
        say_json({"contests": rows})
        return
    if not any(stream.contests for stream in settings.streams.values()):
        out.print("no stream has a contest: [streams.NAME.contests.NAME] with models = [...] makes one", markup=False)
    elif not rows:
        out.print("no snapshot holds one yet")
    else:
        out.print(contests_table(rows))


def _draw(
    pictures: list[tuple[int, Pictured]], lives: list[tuple[int, ClusterLife]], png: Path, title: str
) -> list[str]:
    """Write one file for each lane; say what is missing."""
    if not pictures and not lives:
        fail("nothing to draw in any lane: the model has no hierarchy or clusters, or no snapshot holds it", FAILURE)
    try:
        from driftline.services import cluster_plot, outline_plot
    except ImportError:
        fail("drawing needs matplotlib: pip install 'driftline[plot]'", UNAVAILABLE)
    lanes = [partition for partition, _ in lives or pictures]
    paths = [png if len(lanes) == 1 else png.with_stem(f"{png.stem}-{partition}") for partition in lanes]
    for path, (partition, life) in zip(paths, lives, strict=False):
        cluster_plot.save(life, path, f"{title}, lane {partition}")
    for path, (partition, picture) in zip(paths, [] if lives else pictures, strict=False):
        outline_plot.save(picture.outline(), path, f"{title}, lane {partition}")
    return [str(path) for path in paths]


def _about(stream: str, name: str, model: ModelConfig) -> dict[str, Any]:
    return {
        "stream": stream,
        "model": name,
        "class": model.class_,
        "task": model.effective_task,
        "per": model.per,
        "version": model.version,
        "parameters": model.parameters,
        "drift": f"{model.drift.detector}, {model.drift.policy}",
    }


def _configured(settings: Settings) -> list[dict[str, Any]]:
    return [_about(name, model, of) for name, stream in settings.streams.items() for model, of in stream.models.items()]
