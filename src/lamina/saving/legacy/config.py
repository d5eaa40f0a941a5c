"""Conversion of configs of Keras 1, Keras 2 and tf.keras to the Keras 3 format.

The conversion maps configs to configs and makes no objects; the registry deserializes
the result.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from lamina.core.custom_objects import find_class, get_registered_object
from lamina.core.module import accepted_names, is_user_defined
from lamina.core.registry import serialize
from lamina.errors import FileFormatError
from lamina.saving.legacy import names
from lamina.saving.legacy.graph import functional, sequential
from lamina.saving.legacy.hard_sigmoid import hard_sigmoid
from lamina.typing import Config

_MODELS = ("Sequential", "Functional")
# Classes of Keras 3 whose `__name__`, used in this layout, is not the public name.
_PUBLIC_NAMES = {"GroupedQueryAttention": "GroupQueryAttention"}


class KerasVersion(NamedTuple):
    """Version of Keras that wrote a file.

    Args:
        version: version numbers.
        tensorflow: whether it was tf.keras.
        backend: name of the backend.
        ordering: default data format of Keras 1.
    """

    version: tuple[int, ...]
    tensorflow: bool
    backend: str
    ordering: str

    @classmethod
    def of(
        cls, attributes: dict[str, Any], config: str, weights: Iterable[str]
    ) -> KerasVersion:
        """Detect the version from a file's attributes, config and names of weights."""
        text = str(attributes.get("keras_version", "1"))[:20]
        version = tuple([int(n) for n in re.findall(r"\d{1,9}", text)[:3] or ["1"]])
        # Keras 1 did not record the backend, nor the data format of padding and
        # upsampling layers. TensorFlow's variable names end in ":0".
        is_theano = re.search(r'"dim_ordering"\s*:\s*"th"', config)
        numbered = any(name.endswith(":0") for name in weights)
        return cls(
            version,
            "tf" in text or (2, 4) <= version < (3,),
            str(attributes.get("backend", "tensorflow" if numbered else "theano")),
            "channels_first" if is_theano else "channels_last",
        )


_HARD_SIGMOID = serialize(hard_sigmoid)


def upgrade_config(entry: Config, origin: KerasVersion) -> Config:
    """Convert the config of an object to the Keras 3 format.

    Args:
        entry: class name and config.
        origin: version that wrote it.

    Raises:
        FileFormatError: lamina does not support an argument in the config.
    """
    if origin.version >= (3,):
        return _add_modules(entry)
    written = str(entry["class_name"]).rpartition(">")[2]
    kind = names.CLASSES.get(written, written)
    config = entry.get("config") or {}
    if kind in _MODELS:
        convert_model = sequential if kind == "Sequential" else functional
        return convert_model(config, lambda item: upgrade_layer(item, origin))
    if not isinstance(config, dict):
        text = f"must be a dictionary, got {type(config).__name__}"
        raise FileFormatError(f"The config of {kind} in the file {text}.")
    registered = str(entry["class_name"])
    if kind != written and get_registered_object(registered) is None:
        registered = kind  # An old name of a built-in layer.
    reference = {"class_name": kind, "registered_name": registered}
    if kind != "InputLayer" and is_user_defined(find_class(reference)):
        config = {k: _dtype(v) if k == "dtype" else v for k, v in config.items()}
        return {**reference, "config": config}
    config = _upgrade_arguments(kind, written, config, origin)
    return {"class_name": kind, "config": config}


def _add_modules(entry: Config) -> Config:
    """Add the module `keras.layers`, which Keras 3 omits in this layout.

    Some layers have the same name as an initializer, others a name that is not public.
    """
    config, name = entry.get("config"), entry["class_name"]
    if name not in _MODELS:
        name = _PUBLIC_NAMES.get(name, name)
        return {"module": "keras.layers", **entry, "class_name": name}
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        inner = [_add_modules(layer) for layer in config["layers"]]
        return {**entry, "config": {**config, "layers": inner}}
    return entry


def upgrade_layer(entry: Config, origin: KerasVersion) -> Config:
    """Convert the config of a layer to the Keras 3 format, without its calls."""
    new = upgrade_config(entry, origin)
    config = new["config"]
    shape = config.pop("batch_input_shape", None)
    if new["class_name"] == "InputLayer":
        kept = {k: config[k] for k in ("name", "dtype") if config.get(k)}
        new["config"] = {"batch_shape": config.get("batch_shape", shape), **kept}
    return new


def _upgrade_arguments(
    kind: str, written: str, config: Config, origin: KerasVersion
) -> Config:
    """Rename the arguments of a class and remove those without effect."""
    common = {} if origin.version >= (2,) else names.ARGUMENTS
    new_names = {**common, **names.CLASS_ARGUMENTS.get(kind, {})}
    renamed = {new_names.get(key, key): value for key, value in config.items()}
    found = {k: _upgrade_value(k, v, origin) for k, v in renamed.items()}
    if kind in _FIXES:
        _FIXES[kind](found, written, origin)
    _merge_kernel_sizes(found)
    if kind == "InputLayer":
        found.setdefault("dtype", found.pop("input_dtype", None))
        return found
    known = accepted_names(find_class({"class_name": kind}))
    if origin.version < (2,) and "data_format" in known:
        found.setdefault("data_format", origin.ordering)
    for key in [k for k in found if k not in known]:
        _check_ignorable(kind, key, found.pop(key))
    return found


def _upgrade_value(key: str, value: object, origin: KerasVersion) -> Any:
    if isinstance(value, list):
        return [_upgrade_value(key, item, origin) for item in value]
    if key.endswith("activation") and value == "hard_sigmoid":
        return _HARD_SIGMOID
    if key == "dtype":
        return _dtype(value)
    if isinstance(value, str):
        return names.VALUES.get(key.rpartition("_")[2], {}).get(value, value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape"):
        return _upgrade_value(key, value["items"], origin)
    if str(value.get("class_name", "")).startswith(("function", "__")):
        return value
    if "class_name" in value:
        return upgrade_layer(value, origin)
    if "name" in value and key.endswith(("_regularizer", "_constraint")):
        inner = {k: v for k, v in value.items() if k != "name"}
        return upgrade_config({"class_name": value["name"], "config": inner}, origin)
    return value


def _dtype(value: object) -> str | None:
    if isinstance(value, dict):  # a policy
        value = (value.get("config") or {}).get("name")
    return value if isinstance(value, str) and value.strip("_") != "infer" else None


def _merge_kernel_sizes(found: Config) -> None:
    """Merge the sizes that Keras 1 wrote as separate arguments."""
    dimensions = "kernel_dim1", "kernel_dim2", "kernel_dim3"
    for parts in (("nb_row", "nb_col"), dimensions):
        if parts[0] in found:
            found["kernel_size"] = [found.pop(part) for part in parts]


def _check_ignorable(kind: str, key: str, value: object) -> None:
    """Check that an unknown argument has no effect.

    Raises:
        FileFormatError: the argument changes the result.
    """
    is_ignored = key in names.IGNORED_ARGUMENTS or key.endswith("_initializer")
    if value and not is_ignored and (key, value) != ("groups", 1):
        raise names.unsupported(f"a {kind} with {key}={value!r}")


def _recurrent(found: Config, written: str, origin: KerasVersion) -> None:
    """Set the defaults of the version for arguments that are not in the file."""
    fused = written.startswith("CuDNN")
    if "forget_bias_init" in found:
        found["unit_forget_bias"] = found.pop("forget_bias_init") == "one"
    if fused:
        found["recurrent_activation"] = "sigmoid"
    old = not origin.tensorflow and origin.version < (2, 3)
    if written[:3] != "Sim" and old:
        found.setdefault("recurrent_activation", _HARD_SIGMOID)
    if "GRU" in written:
        found["reset_after"] = fused or found.get("reset_after", not old)
    if found.pop("time_major", False):
        raise names.unsupported(f"a {written} with time_major=True")
    found.pop("input_dim", None)


def _batch_normalization(found: Config, written: str, origin: KerasVersion) -> None:
    if found.pop("mode", 0):
        raise names.unsupported("a BatchNormalization with a nonzero `mode`")
    axis = found.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        found["axis"] = axis[0]


def _flatten(found: Config, written: str, origin: KerasVersion) -> None:
    # The first releases flattened axes in their given order.
    found.setdefault("data_format", "channels_last")


def _embedding(found: Config, written: str, origin: KerasVersion) -> None:
    if found.pop("dropout", 0.0):
        warnings.warn(
            "Embedding in the file has `dropout`, which lamina does not support. Add a "
            "`SpatialDropout1D` layer after it.",
            stacklevel=2,
        )
    if found.get("dtype") in ("int32", "int64"):
        del found["dtype"]


def _lambda(found: Config, written: str, origin: KerasVersion) -> None:
    function, kind = found.get("function"), found.pop("function_type", None)
    if kind == "function":
        reference = {"module": "builtins", "class_name": "function"}
        found["function"] = {**reference, "config": function}
    else:
        found["function"] = {"class_name": "__lambda__", "config": {}}
    for key in ("module", "output_shape_type", "output_shape_module", "output_shape"):
        found.pop(key, None)


_FIXES = {
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
