"""Configs of `lamina.ops` functions in a graph, as Keras writes its operations.

Keras has a class for each function: a file has `Mean(axis=-1)` like a layer, and its
call has the operands. The table is also the allow-list of functions that a file can
name. Functions without a class in Keras are written as `Op`, which only lamina reads.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from inspect import BoundArguments, Parameter, isfunction
from typing import Any, TypeAlias

from lamina import activations, ops
from lamina.core.module import signature
from lamina.core.registry import deserialize, serialize
from lamina.errors import ArgumentError, FileFormatError, did_you_mean
from lamina.typing import Config

# Keras has no classes for most functions that create arrays.
_WITHOUT_CLASS = (
    "bartlett blackman empty eye hamming hanning identity kaiser ndim ones tri "
    "vectorize zeros"
)
# Functions without arguments that are functions, by Keras's module.
_MODULES = {
    "core": "cast convert_to_tensor saturate_cast scatter scatter_update slice "
    "slice_update stop_gradient unstack",
    "math": "erf erfc erfinv in_top_k logsumexp rsqrt segment_max segment_min "
    "segment_prod segment_sum top_k",
    "nn": "average_pool binary_crossentropy categorical_crossentropy celu conv "
    "conv_transpose depthwise_conv elu gelu glu hard_shrink hard_sigmoid hard_silu "
    "hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize "
    "one_hot relu relu6 selu separable_conv sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax "
    "squareplus tanh_shrink threshold",
    "numpy": " ".join(set(ops.numpy.__all__) - set(_WITHOUT_CLASS.split())),
    "linalg": " ".join(set(ops.linalg.__all__) - {"jvp"}),
}
_UNUSUAL = {
    "allclose": "AllClose",
    "isin": "IsIn",
    "searchsorted": "SearchSorted",
    "svd": "SVD",
}


def _class_name(name: str) -> str:
    """Return Keras's class name for a function: `ExpandDims` for `expand_dims`."""
    return _UNUSUAL.get(name) or "".join(map(str.capitalize, name.split("_")))


KERAS_CLASSES = {
    name: (f"keras.src.ops.{module}", _class_name(name))
    for module, names in _MODULES.items()
    for name in names.split()
}
# Keras's file has the layer's class for this function of `activations`, so it is read
# as the layer.
_RELU = "keras.src.activations.activations", "ReLU"
_NAMES = {module_and_class: name for name, module_and_class in KERAS_CLASSES.items()}

# Arguments of a call of Keras's operations; the others are constructor arguments.
_OPERAND_NAMES = (
    "a array b bins choicelist condition condlist constant_values data default "
    "depthwise_kernel fill_value indices inputs kernel key operands output "
    "pointwise_kernel predictions q segment_ids sorted_sequence start start_indices "
    "step stop target targets updates values variable weights x x1 x2 xs y"
)
_OPERANDS = frozenset(_OPERAND_NAMES.split())
_NO_OPERANDS = {("bincount", "weights"), ("squareplus", "b"), ("trapezoid", "x")}
_ALSO_OPERANDS = {("isclose", "rtol"), ("isclose", "atol")}

Call: TypeAlias = tuple[list[Any], dict[str, Any]]
Operation: TypeAlias = Callable[..., Any]


def is_op(entry: Config) -> bool:
    """Return whether an entry of a graph's config is a function, not a layer."""
    module = entry.get("module")
    keras = isinstance(module, str) and module.startswith(
        ("keras.src.ops", "keras.ops")
    )
    return keras or entry["class_name"] == "Op"


def op_config(name: str, operation: Operation, call: Call) -> tuple[Config, Call]:
    """Return a function's entry in a config, and the arguments of its call.

    Raises:
        ArgumentError: `operation` is not a function of `lamina.ops`.
    """
    function = operation.__name__
    is_relu = operation is activations.relu
    if not is_relu and getattr(ops, function, None) is not operation:
        raise ArgumentError(
            f"The graph calls {function!r}, which is not a function of `lamina.ops` "
            "and cannot be written to a config. Call it in a layer."
        )
    if function not in KERAS_CLASSES:
        config = {"name": name, "function": function}
        return _entry("lamina.ops", "Op", config), call
    found = signature(operation)
    given = found.bind(*call[0], **call[1]).arguments
    args: list[Any] = []
    options: dict[str, Any] = {}
    for key, parameter in found.parameters.items():
        value = given.get(key, parameter.default)
        if parameter.kind is Parameter.VAR_POSITIONAL:
            args += value
        elif _is_operand(function, key):
            args.append(value)
        elif key in given:
            options[key] = serialize(value)
    while args and args[-1] is None:
        args.pop()
    module, cls = _RELU if is_relu else KERAS_CLASSES[function]
    return _entry(module, cls, {"name": name, **options}), (args, {})


def _entry(module: str, cls: str, config: Config) -> Config:
    return {
        "module": module,
        "class_name": cls,
        "config": config,
        "registered_name": None if cls == "Op" else cls,
    }


def _is_operand(function: str, argument: str) -> bool:
    pair = function, argument
    return pair in _ALSO_OPERANDS or argument in _OPERANDS and pair not in _NO_OPERANDS


def op_from_config(entry: Config) -> Operation:
    """Return the function of an entry, which takes the arguments of the call.

    Raises:
        FileFormatError: the entry does not name a function of `lamina.ops`, or has an
            option that lamina's function lacks.
    """
    module, name, config = entry.get("module"), entry["class_name"], entry["config"]
    is_lamina = name == "Op"
    function = config.get("function") if is_lamina else _NAMES.get((str(module), name))
    is_known = isinstance(function, str) and function in ops.__all__
    operation = getattr(ops, str(function), None) if is_known else None
    if not isfunction(operation):
        shown = function if is_lamina else name
        hint = did_you_mean(str(shown), ops.__all__)
        raise FileFormatError(
            f"The file names {shown!r} of {module!r}, which is not a lamina op.{hint}"
        )
    if is_lamina:
        return operation
    return functools.partial(_call, operation, _options(operation, config))


def _options(operation: Operation, config: Config) -> Config:
    known = signature(operation).parameters
    options = {k: _tuples(deserialize(v)) for k, v in config.items() if k != "name"}
    unknown = [k for k, v in options.items() if k not in known and v]
    if unknown:
        raise FileFormatError(
            f"The file passes the option {unknown[0]!r} to the op "
            f"{operation.__name__!r}, which does not have it."
        )
    return {k: v for k, v in options.items() if k in known}


def _tuples(value: object) -> Any:
    """Convert lists, which JSON has instead of tuples, as axes must be hashable."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _call(
    operation: Operation, options: Config, *args: object, **kwargs: object
) -> Any:
    """Call a function with options from a file; `args` are its operands."""
    found = signature(operation)
    given, remaining = {**options, **kwargs}, list(args)
    for key, parameter in found.parameters.items():
        if key in given or not _is_operand(operation.__name__, key):
            continue
        if parameter.kind is Parameter.VAR_POSITIONAL:
            given[key], remaining = tuple(remaining), []
        elif remaining and parameter.kind is not Parameter.VAR_KEYWORD:
            given[key] = remaining.pop(0)
    if remaining:
        raise FileFormatError(
            f"The file calls the op {operation.__name__!r} on too many values."
        )
    ordered = OrderedDict((k, given.pop(k)) for k in found.parameters if k in given)
    bound = BoundArguments(found, ordered)
    return operation(*bound.args, **bound.kwargs, **given)
