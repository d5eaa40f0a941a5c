"""Old names and values of arguments, and their translation.

The names that files of Keras 1 use too are in `lamina.saving.legacy.names`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from lamina.compat.defaults import DEFAULTS, old_meaning, release
from lamina.compat.notices import tell
from lamina.core.module import accepted_names
from lamina.errors import ArgumentError
from lamina.optimizers.schedules import InverseTimeDecay
from lamina.saving.legacy import names

Renames = Mapping[str, str | None]

_UNUSED_BY_FIT = {"workers": None, "use_multiprocessing": None, "max_queue_size": None}
_UNUSED_BY_GENERATORS = {"nb_worker": None, "max_q_size": None, "pickle_safe": None}
# Old names of constructors' arguments; `None` for those without effect.
_COMMON: Renames = {
    **names.ARGUMENTS,
    **dict.fromkeys(sorted(names.IGNORED_ARGUMENTS - {"weights", "dtype"})),
}
_OPTIMIZER: Renames = {"lr": "learning_rate", "schedule_decay": None}
_CLASSES: Mapping[str, Renames] = {
    **names.CLASS_ARGUMENTS,
    "Model": {"input": "inputs", "output": "outputs"},
    "Functional": {"input": "inputs", "output": "outputs"},
    "ELU": {},
    "Reshape": {"dims": "target_shape"},
    "BatchNormalization": {**names.ARGUMENTS, "mode": None, "fused": None},
    "RepeatVector": {},
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
    "to_categorical": {"nb_classes": "num_classes"},
    "Tokenizer.__init__": {"nb_words": "num_words"},
    "imdb.load_data": {"nb_words": "num_words"},
    "reuters.load_data": {"nb_words": "num_words"},
    "fit_generator": {
        "nb_epoch": "epochs",
        "nb_val_samples": "val_samples",
        **_UNUSED_BY_FIT,
        **_UNUSED_BY_GENERATORS,
    },
    "evaluate_generator": {**_UNUSED_BY_FIT, **_UNUSED_BY_GENERATORS},
    "predict_generator": {**_UNUSED_BY_FIT, **_UNUSED_BY_GENERATORS},
}


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


def constructor_arguments(
    cls: type, positional: tuple[Any, ...], values: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a constructor's arguments under today's names, with today's values."""
    kind = "Model" if cls.__name__ == "Functional" else cls.__name__
    old = values.keys() - _known(cls)
    found = dict(values)
    for names_before, convert in _CONVERSIONS:
        if any(name in old for name in names_before):
            convert(kind, found)
    table = {o: n for o, n in _table(cls).items() if o in old}
    found = renamed(kind, table, found)
    positional = _sizes(kind, positional) if old else positional
    taken = [*_order(cls)[: len(positional)], *[""] * len(positional)]
    return tuple(map(functools.partial(_value, kind), taken, positional)), {
        n: _value(kind, n, value) for n, value in found.items()
    }


@functools.cache
def _order(cls: type) -> list[str]:
    return accepted_names(cls)


@functools.cache
def _known(cls: type) -> frozenset[str]:
    return frozenset(_order(cls))


@functools.cache
def _table(cls: type) -> Renames:
    """Return the old names that a class of lamina may be given."""
    known = _known(cls)
    is_optimizer = "learning_rate" in known
    common = _OPTIMIZER if is_optimizer else _COMMON
    table = {**common, **_CLASSES.get(cls.__name__, {})}
    return {o: n for o, n in table.items() if n is None or n in known}


def _number(value: Any) -> Any:
    """Return an integer in an array, such as a product of sizes, as Python's."""
    if isinstance(value, (jax.Array, np.ndarray)) and value.ndim == 0:
        return value.item()
    return value


def _value(kind: str, name: str, value: Any) -> Any:
    """Return today's value of an argument."""
    suffix = name.rpartition("_")[2]
    value = _number(value)
    if not isinstance(value, str):
        return initializer(value) if suffix == "initializer" else value
    new = names.VALUES.get(suffix, {}).get(value, value)
    if new != value:
        tell(f"{kind}({name}={value!r})", f"{kind}({name}={new!r})")
    return old_meaning(suffix, new)


def initializer(value: Any) -> Any:
    """Return a function of a shape as an initializer, which gets an element type."""
    if not inspect.isfunction(value) or "dtype" in inspect.signature(value).parameters:
        return value

    named = {n: None for n in inspect.signature(value).parameters if n == "name"}

    @functools.wraps(value)
    def call(shape: Any, dtype: Any = None, **_: Any) -> Any:
        return value(shape, **named)

    vars(call)["__signature__"] = inspect.Signature(
        [
            inspect.Parameter("shape", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            inspect.Parameter(
                "dtype", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None
            ),
        ]
    )
    return call


def _sizes(kind: str, positional: tuple[Any, ...]) -> tuple[Any, ...]:
    """Join the sizes of a kernel, which Keras 1 took as separate arguments.

    Only a call with other old arguments is read so: `Conv2D(8, 3, 2)` has a stride.
    """
    count = {"Conv2D": 2, "Conv3D": 3}.get(kind, 0)
    sizes = positional[1 : count + 1]
    if not count or len(sizes) < count or not all(isinstance(n, int) for n in sizes):
        return positional
    text = ", ".join(map(str, sizes))
    tell(f"{kind}({positional[0]}, {text})", f"{kind}({positional[0]}, ({text}))")
    return (positional[0], sizes, *positional[count + 1 :])


def _merge_kernel_sizes(kind: str, found: dict[str, Any]) -> None:
    for parts in (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3")):
        if parts[0] in found:
            tell(f"{kind}({'=, '.join(parts)}=)", f"{kind}(kernel_size=)")
            found["kernel_size"] = tuple(found.pop(part) for part in parts)


def _decay(kind: str, found: dict[str, Any]) -> None:
    """Make the learning rate a schedule: each update divides it by a larger number."""
    decay = found.pop("decay")
    if decay and not callable(found.get("learning_rate", found.get("lr"))):
        new = "learning_rate=schedules.InverseTimeDecay(rate, 1, decay)"
        tell(f"{kind}(decay=)", f"{kind}({new})")
        rate = found.pop("lr", found.pop("learning_rate", None))
        rate = _default_rate(kind) if rate is None else rate
        found["learning_rate"] = InverseTimeDecay(float(rate), 1, float(decay))


def _default_rate(kind: str) -> float:
    rows = [r for r in DEFAULTS if (r.owner, r.argument) == (kind, "learning_rate")]
    old = next((r.value for r in rows if r.until >= release()), None)
    return old or (0.01 if kind == "SGD" else 0.001)


def _input_length(kind: str, found: dict[str, Any]) -> None:
    """Make the shape of sequences from their length and number of features."""
    length = found.pop("input_length")
    if kind == "Embedding":
        tell("Embedding(input_length=)", "")
        return
    features = found.pop("input_dim", None)
    tell(f"{kind}(input_length=)", f"{kind}(input_shape=({length}, {features}))")
    found["input_shape"] = (length, features)


def _forget_bias(kind: str, found: dict[str, Any]) -> None:
    value = found.pop("forget_bias_init")
    tell(f"{kind}(forget_bias_init=)", f"{kind}(unit_forget_bias=)")
    found["unit_forget_bias"] = value == "one"


def _normalization_mode(kind: str, found: dict[str, Any]) -> None:
    mode = found["mode"]
    if kind == "BatchNormalization" and mode:
        today = {
            1: "It normalizes each sample, as layers.LayerNormalization() does.",
            2: "It normalizes by the batch in inference too, as a layer called with "
            "training=True does.",
        }
        raise ArgumentError(
            f"BatchNormalization: mode={mode!r} is not supported. {today.get(mode, '')}"
        )


def _embedding_dropout(kind: str, found: dict[str, Any]) -> None:
    if kind == "Embedding" and found.pop("dropout"):
        new = "layers.Dropout(rate, noise_shape=(None, None, 1)) after it, omitted here"
        tell("Embedding(dropout=)", new)


_CONVERSIONS: tuple[tuple[tuple[str, ...], Callable[..., None]], ...] = (
    (("nb_row", "kernel_dim1"), _merge_kernel_sizes),
    (("decay",), _decay),
    (("input_length",), _input_length),
    (("forget_bias_init",), _forget_bias),
    (("mode",), _normalization_mode),
    (("dropout",), _embedding_dropout),
)
