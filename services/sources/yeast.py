"""River's bundled Yeast: gene expressions whose functions become known later (multilabel, 103 features, 14 labels)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from river import datasets

from driftline.services.sources.dataset import Dataset


@dataclass(frozen=True)
class Yeast(Dataset):
    """2417 genes; the functions of each come `delay_seconds` after it.

    Parameters are those of `Dataset`; the keys are `plate-0` and so on.

    Examples
    --------
    >>> first, *_ = Yeast()
    >>> first.key, first.value.id, len(first.value.x)
    ('plate-0', 'yeast-0', 103)

    """

    rows = datasets.Yeast
    name = "yeast"
    key = "plate"

    stream: str = "yeast"
    _: KW_ONLY
    delay_seconds: float = 30.0
    keys: int = 16
