"""TensorFlow's functions in graphs of tf.keras, as functions of `lamina.ops`.

A file names a function by its path, such as `"math.reduce_mean"`; this table is all
that it can name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina.errors import FileFormatError

__all__ = ["FUNCTION_LAYERS", "function_call", "function_of"]

FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")


class _Function(NamedTuple):
    op: str
    names: dict[str, str]  # TensorFlow's names of arguments, and lamina's


def _many(names: str, arguments: dict[str, str]) -> dict[str, _Function]:
    pairs = [item.partition("=") for item in names.split()]
    return {
        path: _Function(op or path.rpartition(".")[2], arguments)
        for path, _, op in pairs
    }


_AXES = {"axis": "axis", "keepdims": "keepdims"}
_FUNCTIONS = {
    **_many(
        "__operators__.add=add math.add math.subtract math.multiply math.divide "
        "math.truediv=divide math.floordiv=floor_divide math.floormod=mod "
        "math.pow=power math.maximum math.minimum math.greater math.greater_equal "
        "math.less math.less_equal math.equal math.not_equal math.logical_and "
        "math.logical_or",
        {"y": "x2"},
    ),
    **_many(
        "math.abs math.cos math.exp math.floor math.log math.logical_not "
        "math.negative math.round math.rsqrt math.sigmoid math.sign math.sin math.sqrt "
        "math.square math.tanh math.softplus nn.relu nn.relu6 nn.elu nn.selu "
        "nn.softplus nn.sigmoid nn.tanh nn.silu nn.swish=silu identity stop_gradient "
        "zeros_like ones_like",
        {},
    ),
    **_many(
        "math.reduce_mean=mean math.reduce_sum=sum math.reduce_max=max "
        "math.reduce_min=min math.reduce_prod=prod math.reduce_std=std "
        "math.reduce_variance=var math.reduce_logsumexp=logsumexp",
        _AXES,
    ),
    **_many(
        "concat=concatenate stack expand_dims squeeze compat.v1.squeeze nn.softmax "
        "nn.log_softmax math.argmax math.argmin",
        {"axis": "axis"},
    ),
    **_many("linalg.matmul", {"b": "x2"}),
    **_many("reshape", {"shape": "newshape"}),
    **_many("transpose compat.v1.transpose", {"perm": "axes"}),
    **_many("tile", {"multiples": "repeats"}),
    **_many("cast", {"dtype": "dtype"}),
    **_many("nn.leaky_relu", {"alpha": "negative_slope"}),
    **_many("nn.gelu", {"approximate": "approximate"}),
    **_many(
        "clip_by_value=clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}
    ),
    **_many("__operators__.getitem=get_item", {"slice_spec": "key"}),
}


def function_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a function in a graph, its calls left out.

    Raises:
        FileFormatError: it is a function that the table lacks.
    """
    path = entry["config"].get("function")
    if not isinstance(path, str) or path not in _FUNCTIONS:
        raise FileFormatError(
            f"The file's model calls TensorFlow's {path!r}, for which lamina knows no "
            "function of its own. Build the model in your program and load the weights "
            "with `model.load_weights(file)`."
        )
    config = {"name": entry["name"], "function": _FUNCTIONS[path].op}
    return {"module": "lamina.ops", "class_name": "Op", "config": config}


def function_call(
    entry: dict[str, Any], first: Any, keywords: dict[str, Any]
) -> dict[str, Any]:
    """A call of a function.

    Args:
        entry: the function's.
        first: what stands first in the call.
        keywords: the rest, by TensorFlow's names.

    Raises:
        FileFormatError: an argument says something that lamina's function can't.
    """
    path = entry["config"]["function"]
    names = _FUNCTIONS[path].names
    kwargs: dict[str, Any] = {}
    for key, value in keywords.items():
        if key in names:
            kwargs[names[key]] = _key(value) if key == "slice_spec" else value
        elif value and key != "name":
            raise FileFormatError(
                f"The file calls TensorFlow's {path!r} with {key}={value!r}, which "
                "lamina's function does not have."
            )
    return {"args": [first], "kwargs": kwargs}


def _key(value: Any) -> Any:
    """What stands in square brackets."""
    if isinstance(value, list):
        return [_key(item) for item in value]
    if isinstance(value, dict) and "start" in value:
        parts = {k: value.get(k) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return value
