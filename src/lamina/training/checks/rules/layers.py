"""Rules for the layers of a model and their order."""

from __future__ import annotations

from collections import Counter
from types import CodeType, FunctionType
from typing import Any

import jax
import numpy as np

from lamina import initializers
from lamina.core.creation import created_at
from lamina.core.graph import Node
from lamina.core.module import is_user_defined
from lamina.layers import (
    RNN,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
)
from lamina.layers.convolution.regular import Conv
from lamina.training.checks.case import Case, activation_of
from lamina.training.checks.rules.base import Advice, rule

_LARGE_PENALTY = 0.5
_NONLINEAR = (
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Add", "Multiply"),
    *("BatchNormalization", "LayerNormalization", "Concatenate", "Lambda"),
)


def _called(case: Case, *kinds: type) -> list[Any]:
    """Return the layers of some classes that the model calls or has, each once."""
    found = [node.operation for node in case.nodes] or case.model.all_layers()
    layers = [layer for layer in found if isinstance(layer, kinds)]
    return list({id(layer): layer for layer in layers}.values())


def _is_pointwise(layer: object) -> bool:
    return isinstance(layer, Conv) and set(layer.kernel_size) == {1}


def _is_linear(layer: object) -> bool:
    return isinstance(layer, (Dense, Conv)) and activation_of(layer) == "linear"


@rule("linear-stack", "advice")
def layers_without_activation_between(case: Case) -> Advice:
    if not _has_nonlinearity(case):
        return None
    for before, after in _direct_pairs(case):
        first, second = before.operation, after.operation
        # The first one is trained for a second one that is frozen, as in a GAN.
        if not (_is_linear(first) and case.is_trained(after)):
            continue
        if isinstance(first, Dense) and isinstance(second, Dense):
            features, units = before.inputs[0].shape[-1] or 0, first.units
            # A narrow layer between wide ones is a factorization, made on purpose.
            if units < min(features, second.units):
                continue
        elif type(first) is not type(second) or _is_pointwise(second):
            continue
        return (
            f"Layer {before.name!r} has no activation, so it and {after.name!r} "
            "together can do no more than one layer.",
            f"Give {before.name!r} activation='relu'.",
            created_at(first),
        )
    return None


def _direct_pairs(case: Case) -> list[tuple[Node, Node]]:
    """Return pairs of calls, without Dropout and Flatten between them."""
    skipped = ("Dropout", "Flatten")
    following = {id(a): b for a, b in case.pairs}
    found = []
    for before, after in case.pairs:
        while type(after.operation).__name__ in skipped and id(after) in following:
            after = following[id(after)]
        found.append((before, after))
    return found


def _has_nonlinearity(case: Case) -> bool:
    return any(
        activation_of(node.operation) not in ("linear", None)
        or type(node.operation).__name__ in _NONLINEAR
        or isinstance(node.operation, RNN)
        for node in case.nodes[:-1]
    )


@rule("unused-layer", "advice")
def layer_that_is_never_called(case: Case) -> Advice:
    if not case.is_plain:
        return None
    for owner in dict.fromkeys((case.model, *case.model.all_layers())):
        if not is_user_defined(type(owner), "call"):
            continue
        unbuilt = {
            name: value
            for name, value in vars(owner).items()
            if isinstance(value, Layer) and not value.built
        }
        used = _names_in_methods(type(owner)) if unbuilt else set()
        for name in unbuilt.keys() - used:
            return (
                f"{type(owner).__name__} has the layer `self.{name}`, but no method "
                "uses it.",
                f"Call self.{name}(...) in `call`, or remove the layer.",
                created_at(unbuilt[name]),
            )
    return None


def _names_in_methods(cls: type) -> set[str]:
    """Return the names that the methods of a user's class use, except `__init__`."""
    found: set[str] = set()
    for base in filter(is_user_defined, cls.__mro__):
        methods = [v for k, v in vars(base).items() if k != "__init__"]
        methods = [v.fget if isinstance(v, property) else v for v in methods]
        codes = [v.__code__ for v in methods if isinstance(v, FunctionType)]
        while codes:
            code = codes.pop()
            found.update(code.co_names)
            codes += [c for c in code.co_consts if isinstance(c, CodeType)]
    return found


@rule("repeated-layer", "advice")
def one_layer_several_times_in_a_stack(case: Case) -> Advice:
    if type(case.model).__name__ != "Sequential":
        return None
    for layer, count in Counter(case.model.layers).items():
        if count > 1 and layer.trainable_variables:
            return (
                f"The model has layer {layer.name!r} {count} times, which is one layer "
                "with one set of weights.",
                "Create a layer each time: [layers.Dense(8) for _ in range(3)], not "
                "[layers.Dense(8)] * 3.",
                created_at(layer),
            )
    return None


@rule("no-nonlinearity", "warning")
def model_without_nonlinearity(case: Case) -> Advice:
    layers = [n for n in case.nodes if case.is_trained(n)]
    # An output without a loss is not a hidden layer.
    before = {id(node) for node, _ in case.pairs}
    inner = (n for n in layers[:-1] if id(n) in before)
    hidden = [n for n in inner if isinstance(n.operation, (Dense, Conv))]
    if not hidden or len(case.outputs) != 1 or _has_nonlinearity(case):
        return None
    if not all(isinstance(n.operation, (Dense, Conv)) for n in layers):
        return None
    plain = ("Dropout", "Flatten", "Reshape", "Activation", "Softmax", "Rescaling")
    others = (n.operation for n in case.nodes if not case.is_trained(n))
    if not all(type(layer).__name__ in plain for layer in others):
        return None
    features = case.inputs[0].array.shape[-1] if case.inputs else 0
    units = [n.operation.units for n in layers if isinstance(n.operation, Dense)]
    first = hidden[0].operation
    # The two halves of a linear autoencoder.
    if isinstance(first, Dense) and first.units < features <= units[-1]:
        return None
    return (
        f"No layer before the last one has an activation, so the {len(layers)} layers "
        "together are one linear layer.",
        f"Give {hidden[0].name!r} activation='relu', and the other hidden layers too.",
        created_at(hidden[0].operation),
    )


@rule("softmax-hidden", "warning")
def softmax_in_a_hidden_layer(case: Case) -> Advice:
    for before, after in _direct_pairs(case):
        layer = before.operation
        if not isinstance(layer, Dense) or activation_of(layer) != "softmax":
            continue
        if isinstance(after.operation, (Dense, Conv)):
            return (
                f"The hidden layer {before.name!r} has the activation 'softmax', which "
                f"makes its {layer.units} units share a sum of 1.",
                "Give it activation='relu'.",
                created_at(layer),
            )
    return None


@rule("sigmoid-hidden", "advice")
def several_hidden_sigmoids(case: Case) -> Advice:
    layers = [n for n in case.nodes if isinstance(n.operation, (Dense, Conv))]
    hidden = [n for n in layers[:-1] if activation_of(n.operation) == "sigmoid"]
    if len(hidden) < 2 or len(hidden) < (len(layers) - 1) / 2:
        return None
    names = ", ".join(repr(n.name) for n in hidden[:4])
    return (
        f"The hidden layers {names} have the activation 'sigmoid', which makes "
        "gradients small, the more the deeper they are.",
        "Give them activation='relu'.",
        created_at(hidden[0].operation),
    )


@rule("recurrent-relu", "advice")
def relu_in_a_recurrent_layer(case: Case) -> Advice:
    wrapped = [layer.forward_layer for layer in _called(case, Bidirectional)]
    for layer in (*_called(case, RNN), *wrapped):
        # `activation_of` is that of the output, which is a product.
        name = getattr(getattr(layer, "activation", None), "__name__", None)
        if name in ("relu", "linear", "leaky_relu", "elu"):
            return (
                f"The recurrent layer {layer.name!r} has the activation {name!r}, so "
                "its state can grow at each step until it is not finite.",
                "Remove the argument; the default is 'tanh'.",
                created_at(layer),
            )
    return None


@rule("one-hidden-unit", "advice")
def hidden_layer_of_one_unit(case: Case) -> Advice:
    for before, after in _direct_pairs(case):
        layer = before.operation
        if not (isinstance(layer, Dense) and isinstance(after.operation, Dense)):
            continue
        if layer.units == 1 and (before.inputs[0].shape[-1] or 0) > 2:
            return (
                f"The hidden layer {before.name!r} has one unit: all that later layers "
                "know of a row is one number.",
                f"Give {before.name!r} more units, such as 32.",
                created_at(layer),
            )
    return None


@rule("dropout-rate", "warning")
def dropout_of_almost_everything(case: Case) -> Advice:
    for layer in _called(case, Dropout):
        if 0.8 < layer.rate < 1:
            return (
                f"Layer {layer.name!r} (Dropout) sets {layer.rate:.0%} of its inputs "
                "to 0; `rate` is the fraction that is removed.",
                "Use a rate of 0.2 to 0.5.",
                created_at(layer),
            )
    return None


@rule("dropout-before-batchnorm", "advice")
def dropout_before_batch_normalization(case: Case) -> Advice:
    for before, after in case.pairs:
        is_dropout = isinstance(before.operation, Dropout) and before.operation.rate > 0
        if is_dropout and isinstance(after.operation, BatchNormalization):
            return (
                f"Layer {before.name!r} (Dropout) comes before {after.name!r} "
                "(BatchNormalization), whose averages then differ between training "
                "and prediction.",
                "Put the Dropout after it.",
                created_at(before.operation),
            )
    return None


@rule("batchnorm-axis", "warning")
def batch_normalization_over_wrong_axis(case: Case) -> Advice:
    for node in case.nodes:
        layer = node.operation
        if not isinstance(layer, BatchNormalization) or not node.inputs:
            continue
        shape = node.inputs[0].shape
        before = getattr(node.inputs[0].node, "operation", None)
        is_last = isinstance(before, Conv) and before.data_format == "channels_last"
        if len(shape) < 4 or not is_last or layer.axis in (-1, len(shape) - 1):
            continue
        return (
            f"Layer {node.name!r} (BatchNormalization) has axis={layer.axis}, but the "
            f"channels of {(None, *shape[1:])} are its last axis.",
            "Remove the argument; the default is -1.",
            created_at(layer),
        )
    return None


@rule("batchnorm-one-row", "warning")
def batch_normalization_of_single_rows(case: Case) -> Advice:
    size = case.options.batch_size
    layers = _called(case, BatchNormalization)
    if size != 1 or not layers or not layers[0].trainable:
        return None
    shape = next(
        (n.inputs[0].shape for n in case.nodes if n.operation is layers[0]), ()
    )
    if len(shape) > 2:
        return None
    return (
        f"batch_size=1, and layer {layers[0].name!r} (BatchNormalization) subtracts "
        "the mean of the batch, so it returns the same for every row in training.",
        "Use batches of 16 rows or more.",
    )


@rule("equal-weights", "warning")
def weights_that_stay_equal(case: Case) -> Advice:
    layers = [n.operation for n in case.nodes if isinstance(n.operation, (Dense, Conv))]
    constant = (initializers.Zeros, initializers.Ones, initializers.Constant)
    for layer in layers[:-1]:
        size = getattr(layer, "units", None) or getattr(layer, "filters", 1)
        if isinstance(layer.kernel_initializer, constant) and size > 1:
            kernel = np.asarray(layer.kernel)
            if not (kernel == kernel.flat[0]).all():
                continue
            name = type(layer.kernel_initializer).__name__
            return (
                f"All weights of layer {layer.name!r} begin with the same value "
                f"(kernel_initializer={name}), so its {size} units stay equal.",
                "Remove the argument; the default is 'glorot_uniform'.",
                created_at(layer),
            )
    return None


@rule("large-penalty", "advice")
def penalty_that_dominates(case: Case) -> Advice:
    for layer in _called(case, Dense, Conv):
        penalty = layer.kernel_regularizer
        factors = [getattr(penalty, name, 0.0) for name in ("l1", "l2")]
        if max(factors) >= _LARGE_PENALTY:
            return (
                f"Layer {layer.name!r} has kernel_regularizer={penalty!r}, whose "
                "penalty is much larger than most losses and keeps the weights near 0.",
                "Begin with regularizers.L2(0.001).",
                created_at(layer),
            )
    return None


@rule("nothing-trainable", "warning")
def no_weight_is_trained(case: Case) -> Advice:
    model = case.model
    if not case.is_plain or model.trainable_variables:
        return None
    for layer in filter(lambda layer: is_user_defined(type(layer)), model.all_layers()):
        for name, value in vars(layer).items():
            is_array = isinstance(value, (np.ndarray, jax.Array))
            if is_array and value.ndim and value.dtype.kind == "f":
                return (
                    f"The model has no weights: `{name}` of layer {layer.name!r} is an "
                    "array, which is not trained.",
                    f"Create it in `build`: self.{name} = self.add_weight("
                    f"shape={value.shape}).",
                    created_at(layer),
                )
    if not any(layer.own_weights() for layer in model.all_layers()):
        return None
    return (
        "No weight of the model is trainable, so `fit` changes nothing.",
        "Set `trainable = True` for the layers to train, before `compile`.",
    )


@rule("stateful-shuffle", "warning")
def stateful_layers_with_shuffled_rows(case: Case) -> Advice:
    layers = [layer for layer in _called(case, RNN) if layer.stateful]
    options = case.options
    is_array = isinstance(options.x, np.ndarray)
    if not layers or not options.shuffle or not is_array:
        return None
    return (
        f"Layer {layers[0].name!r} is stateful: each batch continues the sequences of "
        "the one before, but `fit` shuffles the rows.",
        "Write fit(..., shuffle=False).",
    )
