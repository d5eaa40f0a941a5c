"""Old names and values of arguments, and their translation.

The names that files of Keras 1 use too are in `lamina.saving.legacy.names`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lamina.compat.defaults import (
    DEFAULTS,
    Release,
    changed_arguments,
    old_meaning,
    release,
)
from lamina.compat.notices import tell
from lamina.core.module import accepted_names
from lamina.optimizers.schedules import InverseTimeDecay
from lamina.saving.legacy import names
from lamina.typing import DTypeLike, Shape

Renames = Mapping[str, str | None]

_UNUSED_BY_FIT = {"workers": None, "use_multiprocessing": None, "max_queue_size": None}
_UNUSED_BY_GENERATORS = {"nb_worker": None, "max_q_size": None, "pickle_safe": None}
# Old names of constructors' arguments; `None` for those without effect.
_COMMON: Renames = {
    **names.ARGUMENTS,
    **dict.fromkeys(sorted(names.IGNORED_ARGUMENTS - {"weights", "dtype"})),
    "dynamic": None,
}
_OPTIMIZER: Renames = {"lr": "learning_rate", "schedule_decay": None}
_OF_DEPTHWISE: Renames = dict.fromkeys(
    ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
)
_CLASSES: Mapping[str, Renames] = {
    **names.CLASS_ARGUMENTS,
    "Model": {"input": "inputs", "output": "outputs"},
    "Functional": {"input": "inputs", "output": "outputs"},
    # Keras 2 passed these on to `Conv2D`, where they had no effect.
    "DepthwiseConv2D": _OF_DEPTHWISE,
    "SeparableConv1D": _OF_DEPTHWISE,
    "SeparableConv2D": _OF_DEPTHWISE,
    "ELU": {},
    "Reshape": {"dims": "target_shape"},
    "BatchNormalization": {**names.ARGUMENTS, "mode": None, "fused": None},
    "RepeatVector": {},
}
_OF_IMAGES: Renames = {
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "filter_dilation": "dilation_rate",
    "filter_shape": None,
    "image_shape": None,
}
# Old names of the arguments of methods and functions, by their `__qualname__`.
FUNCTIONS: Mapping[str, Renames] = {
    "Trainer.compile": {
        "class_mode": None,
        "sample_weight_mode": None,
        "target_tensors": None,
        "experimental_run_tf_function": None,
    },
    "Trainer.fit": {"nb_epoch": "epochs", "show_accuracy": None, **_UNUSED_BY_FIT},
    "Trainer.evaluate": {"show_accuracy": None, **_UNUSED_BY_FIT},
    "Trainer.predict": _UNUSED_BY_FIT,
    "ReduceLROnPlateau.__init__": {"epsilon": "min_delta"},
    "TensorBoard.__init__": dict.fromkeys(
        (
            *("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data"),
            "profile_batch",
        )
    ),
    "image_dataset_from_directory": {"smart_resize": None},
    "to_categorical": {"nb_classes": "num_classes", "dtype": None},
    "Variable.__init__": {
        "initial_value": "initializer",
        **dict.fromkeys(("validate_shape", "caching_device", "variable_def", "shape")),
    },
    "Tokenizer.__init__": {"nb_words": "num_words"},
    "imdb.load_data": {"nb_words": "num_words", "test_split": None},
    "reuters.load_data": {"nb_words": "num_words"},
    "fit_generator": {
        "nb_epoch": "epochs",
        "nb_val_samples": "val_samples",
        **_UNUSED_BY_FIT,
        **_UNUSED_BY_GENERATORS,
    },
    "evaluate_generator": {**_UNUSED_BY_FIT, **_UNUSED_BY_GENERATORS},
    "predict_generator": {**_UNUSED_BY_FIT, **_UNUSED_BY_GENERATORS},
    **dict.fromkeys(
        (
            *("arrays.spatial_2d_padding", "arrays.spatial_3d_padding"),
            *("neural.atrous_conv2d", "neural.conv2d", "neural.conv2d_transpose"),
            *("neural.pool2d", "neural.resize_images", "neural.resize_volumes"),
        ),
        _OF_IMAGES,
    ),
}


class Translation(NamedTuple):
    """Old arguments that are one argument today.

    Args:
        old: their names; one row is for calls that have the first of them.
        new: today's name.
        value: function of the old arguments, by name. It is one expression, which
            `lamina upgrade` writes into programs.
        form: the expression, as notices show it.
        classes: names of the classes, or of bases, that have the old arguments.
        without: names of subclasses that do not.
    """

    old: tuple[str, ...]
    new: str
    value: Callable[..., Any]
    form: str
    classes: frozenset[str] = frozenset({"Layer"})
    without: frozenset[str] = frozenset()


def _kernel_size(nb_row: int | None, nb_col: int | None) -> Any:
    return (nb_row, nb_col)


def _batch_input_shape(batch_size: Any, input_shape: Any) -> Any:
    return None if input_shape is None else (batch_size, *input_shape)


def _kernel_size_of_volumes(
    kernel_dim1: int | None, kernel_dim2: int | None, kernel_dim3: int | None
) -> Any:
    return (kernel_dim1, kernel_dim2, kernel_dim3)


def _input_shape(input_length: int | None, input_dim: int | None) -> Any:
    return (input_length, input_dim)


def _unit_forget_bias(forget_bias_init: object) -> Any:
    return forget_bias_init == "one"


def _decayed_rate(decay: float, learning_rate: float) -> Any:
    return InverseTimeDecay(learning_rate, 1, decay)


TRANSLATIONS = (
    Translation(
        ("batch_size", "input_shape"),
        "batch_input_shape",
        _batch_input_shape,
        "(batch_size, *input_shape)",
    ),
    Translation(("nb_row", "nb_col"), "kernel_size", _kernel_size, "(nb_row, nb_col)"),
    Translation(
        ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
        "kernel_size",
        _kernel_size_of_volumes,
        "(kernel_dim1, kernel_dim2, kernel_dim3)",
    ),
    Translation(
        ("input_length", "input_dim"),
        "input_shape",
        _input_shape,
        "(input_length, input_dim)",
        without=frozenset({"Embedding"}),
    ),
    Translation(
        ("forget_bias_init",), "unit_forget_bias", _unit_forget_bias, "True or False"
    ),
    Translation(
        ("decay", "learning_rate"),
        "learning_rate",
        _decayed_rate,
        "schedules.InverseTimeDecay(learning_rate, 1, decay)",
        classes=frozenset({"Optimizer"}),
    ),
)
# Options of Keras 1 that `compat.patches.families` reads, and today's spellings.
OPTIONS: Mapping[tuple[str, Any], str] = {
    **{
        (name, "causal"): f"{name}() called with use_causal_mask=True"
        for name in ("AdditiveAttention", "Attention")
    },
    ("BatchNormalization", 1): "LayerNormalization()",
    ("BatchNormalization", 2): "BatchNormalization() called with training=True",
    (
        "Embedding",
        "dropout",
    ): "layers.Dropout(rate, noise_shape=(None, None, 1)) after it",
}
# Number of sizes of a kernel, which Keras 1 took as positional arguments.
KERNEL_SIZES = {"Conv2D": 2, "Conv3D": 3, "LocallyConnected2D": 2}


def library_class(cls: type) -> type:
    """Return the first class of lamina that a class is or derives from."""
    return next(c for c in cls.__mro__ if c.__module__.partition(".")[0] == "lamina")


def renamed(owner: str, table: Renames, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments under today's names, and tell about each old one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        new = table.get(name, name)
        if new != name:
            tell(f"{owner}({name}=)", f"{owner}({new}=)" if new else "")
        if new is not None:
            found[new] = value
    return found


def function_arguments(
    owner: str, table: Renames, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a function's arguments under today's names, with today's values."""
    return {
        name: _text(owner, name, value) if isinstance(value, str) else value
        for name, value in renamed(owner, table, values).items()
    }


def constructor_arguments(
    cls: type,
    positional: tuple[Any, ...],
    values: Mapping[str, Any],
    is_of_library: bool = False,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a constructor's arguments under today's names, with today's values.

    Args:
        cls: a class of lamina.
        positional: the positional arguments.
        values: the other arguments, by name.
        is_of_library: whether the call is in lamina, such as in an application.
    """
    kind = "Model" if cls.__name__ == "Functional" else cls.__name__
    old = old_arguments(cls, values.keys())
    found = dict(values)
    for name in old & {"causal", "dropout", "mode"}:
        new = OPTIONS.get((kind, found[name])) or OPTIONS.get((kind, name))
        if new:
            tell(f"{kind}({name}={found.pop(name)!r})", new)
    found = renamed(kind, renames_of(cls, old), found)
    for row in translations_of(cls, old):
        _translate(cls, row, found)
    if not is_of_library and (old or release() == Release.KERAS_1):
        positional = _sizes(kind, positional)
    if kind == "Optimizer" and positional and isinstance(positional[0], str):
        found["name"] = positional[0]  # the first argument in tf.keras 2
        positional = positional[1:]
    taken = [*_order(cls)[: len(positional)], *[""] * len(positional)]
    return tuple(map(functools.partial(_value, kind), taken, positional)), {
        n: _value(kind, n, value) for n, value in found.items()
    }


@functools.cache
def _order(cls: type) -> list[str]:
    return accepted_names(cls)


@functools.cache
def known_arguments(cls: type) -> frozenset[str]:
    """Return today's arguments of a class of lamina."""
    return frozenset(_order(cls))


def old_arguments(cls: type, names: Iterable[str]) -> set[str]:
    """Return the names that are old, or had another meaning in the program's time."""
    return set(names) - (known_arguments(cls) - changed_arguments().keys())


def renames_of(cls: type, old: Iterable[str]) -> Renames:
    """Return today's names of old arguments; those that are translated are left out."""
    taken = {name for row in translations_of(cls, old) for name in row.old}
    table = {**_table(cls), **changed_arguments()}
    return {o: n for o, n in table.items() if o in old and o not in taken}


def translations_of(cls: type, old: Iterable[str]) -> list[Translation]:
    """Return the rows of the table for a class that was given old arguments."""
    names = {c.__name__ for c in cls.__mro__}
    return [
        row
        for row in TRANSLATIONS
        if row.old[0] in old and names & row.classes and cls.__name__ not in row.without
    ]


@functools.cache
def _table(cls: type) -> Renames:
    """Return the old names that a class of lamina may be given."""
    known = known_arguments(cls)
    is_optimizer = "learning_rate" in known
    common = _OPTIMIZER if is_optimizer else _COMMON
    table = {**common, **_CLASSES.get(cls.__name__, {})}
    return {o: n for o, n in table.items() if n is None or n in known}


def _number(value: object) -> Any:
    """Return an integer in an array, such as a product of sizes, as Python's."""
    if isinstance(value, (jax.Array, np.ndarray)) and value.ndim == 0:
        return value.item()
    return value


def _value(kind: str, name: str, value: object) -> Any:
    """Return today's value of an argument."""
    suffix = name.rpartition("_")[2]
    value = _number(value)
    if (kind, name) == ("InputLayer", "shape") and isinstance(value, int):
        return (value,)  # tf.keras 2 took the size of the only axis
    if not isinstance(value, str):
        return initializer(value) if suffix == "initializer" else value
    return old_meaning(suffix, _text(kind, name, value))


def loss_name(loss: Any) -> Any:
    """Return today's name of a loss, other objects as they are."""
    return _text("compile", "loss", loss) if isinstance(loss, str) else loss


def _text(kind: str, name: str, value: str) -> str:
    """Return today's value of an argument that is text."""
    new = names.VALUES.get(name.rpartition("_")[2], {}).get(value, value)
    if new != value:
        tell(f"{kind}({name}={value!r})", f"{kind}({name}={new!r})")
    return new


def initializer(value: object) -> Any:
    """Return a function of a shape as an initializer, which gets an element type."""
    if not inspect.isfunction(value) or "dtype" in inspect.signature(value).parameters:
        return value

    named = {n: None for n in inspect.signature(value).parameters if n == "name"}

    @functools.wraps(value)
    def call(shape: Shape, dtype: DTypeLike = None, **_: object) -> Any:
        return value(shape, **named)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    shape = inspect.Parameter("shape", kind)
    dtype = inspect.Parameter("dtype", kind, default=None)
    vars(call)["__signature__"] = inspect.Signature([shape, dtype])
    return call


def _sizes(kind: str, positional: tuple[Any, ...]) -> tuple[Any, ...]:
    """Join the sizes of a kernel, which Keras 1 took as separate arguments.

    Only a call with other old arguments is read so: `Conv2D(8, 3, 2)` has a stride.
    """
    count = KERNEL_SIZES.get(kind, 0)
    sizes = positional[1 : count + 1]
    if not count or len(sizes) < count or not all(isinstance(n, int) for n in sizes):
        return positional
    text = ", ".join(map(str, sizes))
    tell(f"{kind}({positional[0]}, {text})", f"{kind}({positional[0]}, ({text}))")
    return (positional[0], sizes, *positional[count + 1 :])


def _translate(cls: type, row: Translation, found: dict[str, Any]) -> None:
    """Replace several old arguments by the one that they are today."""
    given = {name: found.pop(name) for name in row.old if name in found}
    if not given[row.old[0]] and row.new == "learning_rate":
        found.update({n: v for n, v in given.items() if n == row.new})
        return
    kind = cls.__name__
    values = {name: given.get(name, default_of(cls, name)) for name in row.old}
    if callable(values.get("learning_rate")):
        found["learning_rate"] = values["learning_rate"]
        return
    found[row.new] = row.value(**values)
    tell(f"{kind}({'=, '.join(given)}=)", f"{kind}({row.new}={row.form})")


def default_of(cls: type, name: str) -> Any:
    """Return the default of an argument in the program's release, or None."""
    rows = [
        row for row in DEFAULTS if (row.owner, row.argument) == (cls.__name__, name)
    ]
    old = next((row.value for row in rows if row.until >= release()), None)
    if old is not None:
        return old
    parameter = inspect.signature(vars(cls).get("__init__", cls)).parameters.get(name)
    if parameter is None or parameter.default is parameter.empty:
        return None
    return parameter.default
