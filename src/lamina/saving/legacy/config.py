"""The architecture in a file of Keras 1, Keras 2 or tf.keras, told in today's words.

A config goes in and a config comes out, which the registry then reads like any other:
nothing here makes an object.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp

from lamina.core.module import accepted_names
from lamina.core.registry import (
    find_class,
    get_registered_object,
    register_serializable,
)
from lamina.errors import FileFormatError
from lamina.saving.legacy.graph import functional, sequential
from lamina.saving.legacy.names import ARGUMENTS, CLASSES, INERT, OWN_ARGUMENTS

__all__ = ["KerasVersion", "upgrade_config", "upgrade_layer"]

_INITIALIZERS = {
    "normal": "random_normal",
    "one": "ones",
    "uniform": "random_uniform",
    "zero": "zeros",
}
_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
_MODELS = ("Sequential", "Functional")
# Classes of Keras 3 whose own name, which this layout has, is not the public one.
_OTHER_NAMES = {"GroupedQueryAttention": "GroupQueryAttention"}


class KerasVersion(NamedTuple):
    """What wrote a file.

    Args:
        version: of Keras, as far as the file tells.
        tensorflow: whether it was the Keras inside TensorFlow.
        backend: the backend's name.
        ordering: where Keras 1 had channels by default.
    """

    version: tuple[int, ...]
    tensorflow: bool
    backend: str
    ordering: str

    @classmethod
    def of(
        cls, attributes: dict[str, Any], config: Any, weights: Iterable[str]
    ) -> KerasVersion:
        """From a file's attributes, the config in it, and the names of the weights."""
        text = str(attributes.get("keras_version", "1"))[:20]
        version = tuple([int(n) for n in re.findall(r"\d{1,9}", text)[:2] or ["1"]])
        # Keras 1 left the ordering out of what padding and upsampling write, and did
        # not note the backend; but TensorFlow numbers its names.
        orderings = {v for k, v in _entries(config) if k == "dim_ordering"}
        numbered = any(name.endswith(":0") for name in weights)
        return cls(
            version,
            "tf" in text or (2, 4) <= version < (3,),
            str(attributes.get("backend", "tensorflow" if numbered else "theano")),
            "channels_first" if "th" in orderings else "channels_last",
        )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                yield key, item
            else:
                yield from _entries(item)
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item)


@register_serializable("lamina", "hard_sigmoid_of_keras_2")
def hard_sigmoid(x: Any) -> Any:
    """What `"hard_sigmoid"` was before Keras 3: a fifth of x and a half, in 0 to 1."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "lamina>hard_sigmoid_of_keras_2",
    "registered_name": "lamina>hard_sigmoid_of_keras_2",
}


def upgrade_config(entry: dict[str, Any], origin: KerasVersion) -> dict[str, Any]:
    """An object's config as lamina reads it.

    Args:
        entry: a class's name and its config.
        origin: what wrote it.

    Raises:
        FileFormatError: it says something that has no meaning today.
    """
    if origin.version >= (3,):
        return _with_modules(entry)
    written = str(entry["class_name"]).rpartition(">")[2]
    kind = CLASSES.get(written, written)
    config = entry.get("config") or {}
    if kind == "Sequential":
        return sequential(config, lambda item: upgrade_layer(item, origin))
    if kind == "Functional":
        return functional(config, lambda item: upgrade_layer(item, origin))
    if not isinstance(config, dict):
        raise FileFormatError(f"The file's {kind} has the config {config!r}.")
    registered = str(entry["class_name"])
    if kind != written and get_registered_object(registered) is None:
        registered = kind  # an old name of a layer of lamina's
    reference = {"class_name": kind, "registered_name": registered}
    if kind != "InputLayer" and not _is_own(find_class(reference)):
        kept = {k: _dtype(v) if k == "dtype" else v for k, v in config.items()}
        return {**reference, "config": kept}
    return {"class_name": kind, "config": _arguments(kind, written, config, origin)}


def _with_modules(entry: Any) -> Any:
    """Add the module of layers, which Keras 3 leaves out in this layout.

    Layers share some names with initializers, and some have older names.
    """
    if not isinstance(entry, dict) or "class_name" not in entry:
        return entry
    config, name = entry.get("config"), entry["class_name"]
    if name not in _MODELS:
        name = _OTHER_NAMES.get(name, name)
        return {"module": "keras.layers", **entry, "class_name": name}
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        inner = [_with_modules(layer) for layer in config["layers"]]
        return {**entry, "config": {**config, "layers": inner}}
    return entry


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "lamina"


def upgrade_layer(entry: dict[str, Any], origin: KerasVersion) -> dict[str, Any]:
    """A layer's config as lamina reads it, its calls left out."""
    new = upgrade_config(entry, origin)
    config = new["config"]
    if new["class_name"] == "InputLayer":
        shape = config.pop("batch_input_shape", None)
        kept = {k: config[k] for k in ("name", "dtype") if config.get(k)}
        new["config"] = {"batch_shape": config.get("batch_shape", shape), **kept}
    return new


def _arguments(
    kind: str, written: str, config: dict[str, Any], origin: KerasVersion
) -> dict[str, Any]:
    """The arguments of a class by today's names, those that say nothing left out."""
    names = {**ARGUMENTS, **OWN_ARGUMENTS.get(kind, {})}
    if origin.version >= (2,):
        names = OWN_ARGUMENTS.get(kind, {})
    found = {
        names.get(k, k): _value(names.get(k, k), v, origin) for k, v in config.items()
    }
    _REPAIRS.get(kind, _nothing)(found, written, origin)
    _gather_sizes(found)
    if kind == "InputLayer":
        found.setdefault("dtype", found.pop("input_dtype", None))
        return found
    known = accepted_names(find_class({"class_name": kind}))
    if origin.version < (2,) and "data_format" in known:
        found.setdefault("data_format", origin.ordering)
    for key in [k for k in found if k not in known]:
        _drop(kind, key, found.pop(key))
    return found


def _value(key: str, value: Any, origin: KerasVersion) -> Any:
    if isinstance(value, list):
        return [_value(key, item, origin) for item in value]
    if key.endswith("activation") and value == "hard_sigmoid":
        return _HARD_SIGMOID
    if key.endswith("_initializer") and isinstance(value, str):
        return _INITIALIZERS.get(value, value)
    if key == "data_format":
        return _ORDERINGS.get(value, value)
    if key == "dtype":
        return _dtype(value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape"):
        return _value(key, value["items"], origin)
    if str(value.get("class_name", "")).startswith(("function", "__")):
        return value
    if "class_name" in value:
        return upgrade_layer(value, origin)
    if "name" in value and key.endswith(("_regularizer", "_constraint")):
        inner = {k: v for k, v in value.items() if k != "name"}
        return upgrade_config({"class_name": value["name"], "config": inner}, origin)
    return value


def _dtype(value: Any) -> Any:
    if isinstance(value, dict):  # a policy
        value = (value.get("config") or {}).get("name")
    if not isinstance(value, str) or value in ("infer", "_infer"):
        return None
    return value


def _gather_sizes(found: dict[str, Any]) -> None:
    """Sizes that Keras 1 wrote one by one."""
    for parts in (
        ("nb_row", "nb_col"),
        ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    ):
        if parts[0] in found:
            found["kernel_size"] = [found.pop(part) for part in parts]


def _drop(kind: str, key: str, value: Any) -> None:
    """Leave an argument out if nothing depends on it.

    Raises:
        FileFormatError: something does.
    """
    if not value or key in INERT or key.endswith("_initializer"):
        return
    if key == "groups" and value == 1:
        return
    raise FileFormatError(
        f"The file's {kind} has {key}={value!r}, which lamina's does not have. "
        "Load the weights into a model of your own with `model.load_weights(file)`."
    )


def _nothing(found: dict[str, Any], written: str, origin: KerasVersion) -> None:
    pass


def _recurrent(found: dict[str, Any], written: str, origin: KerasVersion) -> None:
    """The defaults of the time for what a file leaves out."""
    fused = written.startswith("CuDNN")
    if "forget_bias_init" in found:
        found["unit_forget_bias"] = found.pop("forget_bias_init") == "one"
    if fused:
        found["recurrent_activation"] = "sigmoid"
    old = not origin.tensorflow and origin.version < (2, 3)
    if written[:3] != "Sim" and old:
        found.setdefault("recurrent_activation", _HARD_SIGMOID)
    if "GRU" in written:
        found.setdefault("reset_after", fused or not old)
        if fused:
            found["reset_after"] = True
    if found.pop("time_major", False):
        raise FileFormatError(
            f"The file's {written} takes time as the first axis (`time_major`), which "
            "no layer does today: put `Permute` around it in a model of your own and "
            "load the weights with `model.load_weights(file)`."
        )
    found.pop("input_dim", None)


def _batch_normalization(
    found: dict[str, Any], written: str, origin: KerasVersion
) -> None:
    if found.pop("mode", 0):
        raise FileFormatError(
            "The file's BatchNormalization has another `mode` than 0: it normalises by "
            "the batch at all times, or each sample by itself, which no layer does "
            "today."
        )
    axis = found.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        found["axis"] = axis[0]


def _flatten(found: dict[str, Any], written: str, origin: KerasVersion) -> None:
    # The first releases flattened in whatever order they met.
    found.setdefault("data_format", "channels_last")


def _embedding(found: dict[str, Any], written: str, origin: KerasVersion) -> None:
    if found.pop("dropout", 0.0):
        warnings.warn(
            "The file's Embedding drops whole words while it trains, which lamina's "
            "does not: put `SpatialDropout1D` behind it.",
            stacklevel=2,
        )
    if found.get("dtype") in ("int32", "int64"):
        del found["dtype"]


def _lambda(found: dict[str, Any], written: str, origin: KerasVersion) -> None:
    function, kind = found.get("function"), found.pop("function_type", None)
    if kind == "function":
        reference = {"module": "builtins", "class_name": "function"}
        found["function"] = {**reference, "config": function}
    else:
        found["function"] = {"class_name": "__lambda__", "config": {}}
    for key in ("module", "output_shape_type", "output_shape_module", "output_shape"):
        found.pop(key, None)


_REPAIRS = {
    "BatchNormalization": _batch_normalization,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GRU": _recurrent,
    "GRUCell": _recurrent,
    "LSTM": _recurrent,
    "LSTMCell": _recurrent,
    "Lambda": _lambda,
    "SimpleRNN": _recurrent,
}
