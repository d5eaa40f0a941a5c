"""Defaults that changed between releases of Keras, and the release of a program.

`use` sets the release for which old programs run. Defaults that have changed since
are then passed to constructors that are not given the argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from lamina import config
from lamina.core.module import accepted_names
from lamina.initializers import Initializer, Orthogonal, VarianceScaling
from lamina.saving.legacy.hard_sigmoid import hard_sigmoid


class Release(IntEnum):
    """Releases between which defaults changed."""

    KERAS_1 = 1
    KERAS_2_2 = 2  # 2.0 to 2.2
    KERAS_2_3 = 3
    TF_KERAS_2 = 4
    KERAS_3 = 5


# Releases by the number that `lamina run --keras` takes.
RELEASES = {1: Release.KERAS_1, 2: Release.KERAS_2_2, 3: Release.KERAS_3}


class Default(NamedTuple):
    """Old default of an argument of a class, and the last release that had it."""

    owner: str
    argument: str
    value: Any
    until: Release


_1, _2_2, _2_3 = Release.KERAS_1, Release.KERAS_2_2, Release.KERAS_2_3
_CELLS = ("LSTM", "GRU", "LSTMCell", "GRUCell")
# Of several rows for one argument the first that applies counts.
DEFAULTS: tuple[Default, ...] = (
    *(
        Default(name, "epsilon", 1e-8, _1)
        for name in ("Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam")
    ),
    # The base class had no learning rate: custom optimizers store theirs themselves.
    Default("Optimizer", "learning_rate", 0.01, Release.TF_KERAS_2),
    Default("Adadelta", "learning_rate", 1.0, _2_3),
    Default("Adagrad", "learning_rate", 0.01, _2_3),
    Default("Adagrad", "initial_accumulator_value", 0.0, _2_3),
    Default("Adamax", "learning_rate", 0.002, _2_3),
    Default("Nadam", "learning_rate", 0.002, _2_3),
    # Programs of tf.keras without other old spellings count as those of Keras 3.
    *(
        Default(f"AveragePooling{n}D", "pool_size", 2, Release.KERAS_3)
        for n in (1, 2, 3)
    ),
    *(Default(name, "recurrent_activation", hard_sigmoid, _2_2) for name in _CELLS),
    Default("ConvLSTM2D", "recurrent_activation", hard_sigmoid, Release.TF_KERAS_2),
    *(Default(name, "reset_after", False, _2_3) for name in ("GRU", "GRUCell")),
    # Keras 1 drew the matrix of each gate alone, 1.1 times an orthogonal one. A part of
    # n in one orthogonal matrix has numbers smaller by the root of n.
    *(
        Default(name, "recurrent_initializer", Orthogonal(gain), _1)
        for name, gain in (("LSTM", 2.2), ("GRU", 1.9053), ("SimpleRNN", 1.1))
    ),
)
# Old defaults of methods, by the name of the method.
METHOD_DEFAULTS: tuple[Default, ...] = (
    Default("fit", "epochs", 10, _1),
    Default("predict", "verbose", 0, Release.TF_KERAS_2),
)
# Values whose meaning has changed, by the end of the argument's name.
MEANINGS: tuple[Default, ...] = (
    Default("activation", "hard_sigmoid", hard_sigmoid, Release.TF_KERAS_2),
    Default("initializer", "orthogonal", Orthogonal(1.1), _1),
    Default(
        "initializer",
        "glorot_normal",
        VarianceScaling(1.0, "fan_avg", "untruncated_normal"),
        _1,
    ),
    Default(
        "initializer",
        "he_normal",
        VarianceScaling(2.0, "fan_in", "untruncated_normal"),
        _1,
    ),
)
# Arguments that meant what another one does today: the limit was for the norm of all
# gradients together.
CHANGED_ARGUMENTS: tuple[Default, ...] = (
    Default("Optimizer", "clipnorm", "global_clipnorm", _2_3),
)
# Names of metrics, and their names in logs until Keras 2.2.
LOG_NAMES = {
    "accuracy": "acc",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

_current = [Release.KERAS_3]


def release() -> Release:
    """Return the release for which the program was written."""
    return _current[-1]


@contextmanager
def use(release: Release) -> Iterator[None]:
    """Return a block in which old defaults are those of a release."""
    _current.append(release)
    try:
        yield
    finally:
        _current.pop()


def with_old_defaults(cls: type, count: int, found: dict[str, Any]) -> None:
    """Add the defaults of the program's release to a constructor's arguments.

    Args:
        cls: the class of lamina.
        count: the number of positional arguments.
        found: the arguments that are given by name.
    """
    for row in DEFAULTS:
        if row.until >= release() and row.owner == cls.__name__:
            _add(row, accepted_names(cls)[:count], found)


def with_method_defaults(name: str, taken: list[str], found: dict[str, Any]) -> None:
    """Add the defaults of the program's release to a method's arguments.

    Args:
        name: the name of the method.
        taken: the names of the positional arguments.
        found: the arguments that are given by name.
    """
    for row in METHOD_DEFAULTS:
        if row.until >= release() and row.owner == name:
            _add(row, taken, found)


def _add(row: Default, taken: list[str], found: dict[str, Any]) -> None:
    if row.argument not in (*taken, *found):
        found[row.argument] = _own(row.value)


def _own(value: Any) -> Any:
    """Return a value for one layer: an initializer draws the same numbers each time."""
    return value.clone() if isinstance(value, Initializer) else value


def old_meaning(suffix: str, value: str) -> Any:
    """Return what a value meant in the program's release.

    Args:
        suffix: the end of the argument's name, such as "initializer".
        value: a value by its name.
    """
    for row in MEANINGS:
        if row.until >= release() and (row.owner, row.argument) == (suffix, value):
            return _own(row.value)
    return value


def changed_arguments() -> dict[str, str]:
    """Return today's names of arguments that meant something else."""
    rows = [row for row in CHANGED_ARGUMENTS if row.until >= release()]
    return {row.argument: row.value for row in rows}


# Arguments that only Keras 1 has, and names of modules and methods of Keras 1 and 2.
_KERAS_1 = re.compile(
    r"[(,]\s*(?:nb_epoch|border_mode|subsample|dim_ordering|nb_filter|nb_row|nb_worker"
    r"|[WbU]_regularizer|W_constraint|inner_activation|inner_init|dropout_[WU]"
    r"|samples_per_epoch|nb_val_samples|val_samples|subsample_length|filter_length"
    r"|pool_length|consume_less|max_q_size)\s*=[^=]"
    r"|\binit\s*=\s*['\"]|\bModel\(\s*input\s*=|\b[mM]erge\([^)]*mode\s*="
    r"|Convolution[12]D\(\s*\w+\s*,\s*\w+\s*[,)]|set_image_dim_ordering"
    r"|image_dim_ordering\(|keras\.objectives|keras import objectives"
)
_KERAS_2 = re.compile(
    r"\bkeras\.(?:engine|legacy|wrappers|layers\.(?:core|convolutional|pooling"
    r"|recurrent|embeddings|normalization|noise|local|wrappers|merge"
    r"|advanced_activations|convolutional_recurrent)|preprocessing\.text"
    r"|utils\.(?:np_utils|generic_utils|data_utils|vis_utils|io_utils|training_utils))"
    r"|\bnp_utils\b|fit_generator|evaluate_generator|predict_generator|ImageDataGen"
    r"|predict_classes|predict_proba|predict_on_generator|CuDNN(?:LSTM|GRU)"
    r"|[(,]\s*(?:lr|decay|input_length)\s*=[^=]|history\[['\"](?:val_)?acc['\"]\]"
    r"|['\"](?:val_)?acc['\"]|from keras import backend|keras\.backend"
    r"|\.reset_states\(|from __future__ import (?!annotations)"
    r"|def (?:get_updates|_resource_apply_dense)\("
)
_KERAS_3 = re.compile(
    r"keras\.ops|from keras import .*\bops\b|keras_core|keras\.random"
)
_TF_KERAS = re.compile(
    r"tensorflow\.(?:python\.)?keras|from tensorflow import keras|tf\.keras"
)


def release_of(text: str) -> Release:
    """Return the release for which a program was written, by its spellings.

    Args:
        text: the program.
    """
    if _KERAS_3.search(text):
        return Release.KERAS_3
    is_tensorflow = bool(_TF_KERAS.search(text))
    if _KERAS_1.search(text) and not is_tensorflow:
        return Release.KERAS_1
    if not _KERAS_2.search(text):
        return Release.KERAS_3
    if is_tensorflow:
        return Release.TF_KERAS_2
    is_2_3 = re.search(
        r"[(,]\s*learning_rate\s*=[^=]|[\w\])]\[['\"](?:val_)?accuracy['\"]\]", text
    )
    return Release.KERAS_2_3 if is_2_3 else Release.KERAS_2_2


# A shape of images with one or three channels first, and code that sets the order or
# asks for it; texts may mention it.
_CHANNELS_FIRST = re.compile(
    r"shape\s*=\s*\(\s*(?:1|3|\w*channels?\w*|\w*depth\w*)\s*,"
    r"\s*(?:\d{2,}|[a-z_]+)\s*,\s*(?:\d{2,}|[a-z_]+)\s*\)"
)
_ORDER = re.compile(r"dim_ordering\s*[=(]|data_format|channels_last")


def data_format_of(text: str) -> str:
    """Return the order of axes for which a program of Keras 1 was written.

    Keras 1 with Theano read it from a file of settings, so only shapes tell it.

    Args:
        text: the program.
    """
    is_first = _CHANNELS_FIRST.search(text) and not _ORDER.search(text)
    is_image = re.search(r"Conv\w*2D|MaxPooling2D", text)
    return "channels_first" if is_first and is_image else "channels_last"


@contextmanager
def defaults_of(program: Path, release: Release | None = None) -> Iterator[None]:
    """Return a block with the defaults of a program.

    Args:
        program: a script or a notebook; for any other name those of Keras 3 apply.
        release: the release, by default that of the spellings.
    """
    text = program.read_text(errors="replace") if program.is_file() else ""
    found = release_of(text) if release is None else release
    before = config.image_data_format()
    if found == Release.KERAS_1:
        config.set_image_data_format(data_format_of(text))
    try:
        with use(found):
            yield
    finally:
        config.set_image_data_format(before)
