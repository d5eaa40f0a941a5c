"""`Dataset` and functions of `tensorflow.data`."""

from __future__ import annotations

from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.data import sources
from lamina.compat.tensorflow.data.base import Options as Options
from lamina.compat.tensorflow.data.dataset import Dataset
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN, Filenames

AUTOTUNE = -1
__getattr__ = declared(
    __name__,
    {"TFRecordDataset": "lamina.compat.tensorflow.data.records:TFRecordDataset"},
)
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN


class TextLineDataset(Dataset):
    """Data set of the lines of text files, as bytes.

    Args:
        filenames: a path, or several.
        **unused: further arguments without effect.
    """

    def __init__(self, filenames: Filenames, *unused: object, **_: object) -> None:
        super().__init__(sources.text_lines(filenames))
