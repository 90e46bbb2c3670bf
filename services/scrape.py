"""Read a streams process's metrics over HTTP, for people who look."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

Labels = dict[str, str]


class Scrape:
    """The samples of one scrape.

    >>> scrape = Scrape('a_total{stream="s",model="m"} 2.0\\na_total{stream="s",model="n"} 3.0\\n')
    >>> scrape.total("a_total", stream="s")
    5.0
    >>> [(labels["model"], value) for labels, value in scrape.samples("a_total")]
    [('m', 2.0), ('n', 3.0)]
    """

    def __init__(self, text: str):
        self._samples: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples[sample.name].append((sample.labels, sample.value))

    def samples(self, name: str, /, **wanted: str) -> Iterator[tuple[Labels, float]]:
        """The samples of a metric whose labels have the given values."""
        for labels, value in self._samples.get(name, ()):
            if all(labels.get(label) == said for label, said in wanted.items()):
                yield labels, value

    def total(self, name: str, /, **wanted: str) -> float:
        """The sum of those samples."""
        return sum(value for _, value in self.samples(name, **wanted))

    def mean(self, name: str, /, **wanted: str) -> float | None:
        """The mean of those samples (a score over the lanes of a stream), or None where there is none."""
        values = [value for _, value in self.samples(name, **wanted)]
        return sum(values) / len(values) if values else None


def scrape(url: str, timeout_seconds: float = 3.0) -> Scrape | None:
    """Scrape a metrics address; None where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as answer:  # noqa: S310 - an address of our own
            return Scrape(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return None
