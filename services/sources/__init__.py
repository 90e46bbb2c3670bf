"""Where events come from: real streams that any machine has, a planted drift, and files."""

from __future__ import annotations

from driftline.services.sources.cells import Cells
from driftline.services.sources.host import Host
from driftline.services.sources.jsonl import JsonLines
from driftline.services.sources.shuttle import Shuttle
from driftline.services.sources.source import Record, Source, SourceError
from driftline.services.sources.synthetic import Synthetic
from driftline.services.sources.water_flow import WaterFlow
from driftline.services.sources.yeast import Yeast

SOURCES = {
    "cells": Cells,
    "host": Host,
    "shuttle": Shuttle,
    "synthetic": Synthetic,
    "water-flow": WaterFlow,
    "yeast": Yeast,
}
"""The built-in sources by name, for `driftline publish --from NAME`; all take `stream`."""

__all__ = [
    "SOURCES",
    "Cells",
    "Host",
    "JsonLines",
    "Record",
    "Shuttle",
    "Source",
    "SourceError",
    "Synthetic",
    "WaterFlow",
    "Yeast",
]
