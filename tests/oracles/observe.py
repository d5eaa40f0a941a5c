"""Functions that compute the results of a case.

They record the oracles from Keras, and compute lamina's results in the laws.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.scope import override
from tests.tables.activations import INPUTS as ACTIVATION_INPUTS
from tests.tables.arrays import floats
from tests.tables.bfloat16 import Call, Calls
from tests.tables.cases import (
    ActivationCase,
    LayerCase,
    LossCase,
    MetricCase,
    ModelCase,
    OptimizerCase,
    SmallCase,
)
from tests.tables.masks import STEPS as MASKED_STEPS
from tests.tables.schedules import STEPS

Observed = dict[str, np.ndarray]
MATRIX = floats(4, 3)


def is_float(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jnp.floating)


def numbered(name: str, tree: Any) -> Observed:
    """The leaves of a tree under `name.0`, `name.1`, ..."""
    leaves = jax.tree.leaves(tree)
    return {f"{name}.{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}


def draw_weights(owner: Any) -> None:
    """Set weights to known values, positive where a variance is meant; what `adapt`
    found stays."""
    for seed, variable in enumerate(owner.weights):
        if variable.name in ("mean", "variance", "count"):
            continue
        value = floats(*variable.shape, low=-0.7, high=0.7, seed=100 + seed)
        positive = "variance" in variable.name
        variable.assign(np.abs(value) + 0.3 if positive else value)


def placeholders(k: Any, case: LayerCase, batch: int | None) -> Any:
    """Symbolic tensors shaped as the case's inputs, of that many rows."""
    tensors = [
        k.Input(
            batch_shape=(batch, *x.shape[1:]),
            dtype="string" if x.dtype.kind == "U" else x.dtype.name,
        )
        for x in case.inputs
    ]
    return tensors[0] if len(tensors) == 1 else tensors


def ready(k: Any, case: LayerCase) -> Any:
    """A built layer with known weights."""
    layer = case.make(k)
    case.prepare(layer)
    layer(placeholders(k, case, case.inputs[0].shape[0]), **case.call)
    draw_weights(layer)
    return layer


def values(variables: list) -> list[jax.Array]:
    return [variable.value for variable in variables]


def scalar_of(layer: Any, case: LayerCase) -> Any:
    """A pure function of trainable values and inputs: a number whose gradient meets
    every output and penalty; with it the outputs, the new state and the penalties."""
    state = values(layer.non_trainable_variables)

    def scalar(trainable: list, inputs: Any) -> tuple:
        outputs, new_state, losses = layer.stateless_call(
            trainable, state, inputs, return_losses=True, **case.call
        )
        total = sum((jnp.sum(loss) for loss in losses), jnp.float32(0.0))
        for seed, output in enumerate(jax.tree.leaves(outputs)):
            if is_float(output):
                cotangent = floats(*output.shape, seed=200 + seed)
                total += jnp.sum(output * cotangent)
        return total, (outputs, new_state, losses)

    return scalar


def layer(k: Any, case: LayerCase) -> Observed:
    subject = ready(k, case)
    observed = numbered("weight", values(subject.weights))
    if case.calls > 1:
        for call in range(case.calls):
            outputs = subject(case.argument, **case.call)
            observed |= numbered(f"call{call}.output", outputs)
        return observed
    differentiable = (0, 1) if is_float(case.inputs[0]) else 0
    differentiate = jax.value_and_grad(
        scalar_of(subject, case), argnums=differentiable, has_aux=True
    )
    (_, (outputs, state, losses)), gradients = jax.jit(differentiate)(
        values(subject.trainable_variables), case.argument
    )
    return {
        **observed,
        **numbered("output", outputs),
        **numbered("gradient", gradients),
        **numbered("state", [value for value in state if is_float(value)]),
        **numbered("penalty", losses),
    }


def config(k: Any, case: Any) -> Observed:
    """Return the config that a file has for an object."""
    text = json.dumps(k.saving.serialize_keras_object(case.make(k)))
    return {"file": np.array(text.encode())}


def architecture(k: Any, case: SmallCase) -> Observed:
    """The sizes of a model, and a hash of what files need to be interchangeable."""
    with without_initial_values(k):
        model = case.make(k)
        weights = [
            (re.sub(r"/variable_\d+$", "/variable", w.path), list(w.shape), w.trainable)
            for w in model.weights
        ]
        layers = [(layer.name, type(layer).__name__) for layer in model.layers]
        facts = [model.name, layers, weights, list(model.output_shape)]
        sizes = [len(layers), len(weights), model.count_params()]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return {"sizes": np.array(sizes), "hash": np.array(digest)}


def weight_files(k: Any, case: SmallCase) -> Observed:
    """The addresses and hashes of the files of a model, with and without classifier."""
    is_lamina = k.__name__ == "lamina"
    module = k.applications.architecture if is_lamina else k.src.utils.file_utils
    asked: list[str] = []

    def get_file(
        fname: Any = None, origin: Any = None, file_hash: Any = None, **_: Any
    ) -> str:
        asked.append(f"{origin} {file_hash}")
        raise InterruptedError

    found, module.get_file = module.get_file, get_file
    try:
        for include_top in (True, False):
            with suppress(InterruptedError), without_initial_values(k):
                case.make(k)(include_top=include_top)
    finally:
        module.get_file = found
    return {"files": np.array(asked)}


@contextmanager
def without_initial_values(k: Any) -> Iterator[None]:
    """Create variables without values in this block, which takes no time."""
    if k.__name__ == "lamina":
        scope = override(uninitialized=[])
    else:
        scope = k.StatelessScope(initialize_variables=False)
    with scope:
        yield


def accepted(k: Any, case: SmallCase) -> Observed:
    """The arguments that the constructors of a module's classes take."""

    def arguments(cls: type) -> set[str]:
        owners = [owner for owner in cls.__mro__ if "__init__" in vars(owner)]
        return {n for c in owners for n in inspect.signature(c.__init__).parameters}

    classes = {n: c for n, c in vars(case.make(k)).items() if inspect.isclass(c)}
    return {name: np.array(sorted(arguments(c))) for name, c in classes.items()}


def mask(k: Any, case: SmallCase) -> Observed:
    """The output of a layer behind `Masking`, and the mask that comes after it: minus
    one where there is none."""

    class Probe(k.layers.Layer):
        supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            return jnp.float32(-1.0) if mask is None else k.ops.cast(mask, "float32")

    x = k.Input(MASKED_STEPS.shape[1:])
    output = case.make(k)(k.layers.Masking()(x), x)
    model = k.Model(x, output)
    draw_weights(model)
    found = k.Model(x, [output, Probe()(output)])(MASKED_STEPS)
    return {"output": np.asarray(found[0]), "mask": np.asarray(found[1])}


def activation(k: Any, case: ActivationCase) -> Observed:
    function = case.make(k)
    cotangent = floats(6, 6, seed=1)

    def scalar(x: jax.Array) -> tuple:
        y = function(x)
        return jnp.sum(y * cotangent[: y.shape[0], : y.shape[1]]), y

    differentiate = jax.jit(jax.value_and_grad(scalar, has_aux=True))
    (_, y), gradient = differentiate(ACTIVATION_INPUTS)
    return {"output": np.asarray(y), "gradient": np.asarray(gradient)}


def regularizer(k: Any, case: SmallCase) -> Observed:
    differentiate = jax.jit(jax.value_and_grad(case.make(k)))
    penalty, gradient = differentiate(jnp.asarray(MATRIX))
    return {"penalty": np.asarray(penalty), "gradient": np.asarray(gradient)}


def constraint(k: Any, case: SmallCase) -> Observed:
    return {"projected": np.asarray(case.make(k)(jnp.asarray(MATRIX)))}


def initializer(k: Any, case: SmallCase) -> Observed:
    return {"value": np.asarray(case.make(k)((4, 4)))}


def spectrum(k: Any, case: SmallCase) -> Observed:
    return {"value": np.asarray(case.make(k)((8, 2, 5)))}


def schedule(k: Any, case: SmallCase) -> Observed:
    rate = case.make(k)
    return {"rates": np.array([rate(step) for step in STEPS], "float32")}


def result(k: Any, case: SmallCase) -> Observed:
    """The arrays that `make` returns."""
    return numbered("value", case.make(k))


def compiled_result(k: Any, case: SmallCase) -> Observed:
    """The arrays that `make` returns when it is compiled as one program."""
    return numbered("value", jax.jit(lambda: case.make(k))())


def bfloat16(k: Any, case: Calls) -> Observed:
    """The types of the results, and those results that are not near to float32's."""

    def types(call: Call) -> str:
        try:
            leaves = jax.tree.leaves(call.make(k))
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            return ""  # not supported
        return " ".join(jnp.asarray(leaf).dtype.name for leaf in leaves)

    return {
        "names": np.array([call.name for call in case.calls]),
        "types": np.array([types(call) for call in case.calls]),
        **{
            call.name: np.asarray(call.make(k), "float32")
            for call in case.calls
            if isinstance(call.expected, tuple) and call.expected[0] == "bfloat16"
        },
    }


def loss(k: Any, case: LossCase) -> Observed:
    subject = case.make(k)

    def scalar(y_pred: jax.Array) -> tuple:
        value = subject(case.y_true, y_pred, sample_weight=case.sample_weight)
        return jnp.sum(value), value

    @jax.jit
    def computed(y_true: Any, y_pred: jax.Array) -> tuple:
        (_, value), gradient = jax.value_and_grad(scalar, has_aux=True)(y_pred)
        each = case.function(k)(y_true, y_pred) if case.function else None
        return value, gradient, each

    value, gradient, each = computed(case.y_true, jnp.asarray(case.y_pred))
    observed = {"value": np.asarray(value), "gradient": np.asarray(gradient)}
    return observed if each is None else {**observed, "each": np.asarray(each)}


def metric(k: Any, case: MetricCase) -> Observed:
    subject = case.make(k)
    observed = {}
    for i, update in enumerate(case.updates):
        subject.update_state(*update.arguments, sample_weight=update.sample_weight)
        observed[f"result{i}"] = np.asarray(subject.result())
    subject.reset_state()
    first = case.updates[0]
    subject.update_state(*first.arguments, sample_weight=first.sample_weight)
    observed["after_reset"] = np.asarray(subject.result())
    return observed


def optimizer(k: Any, case: OptimizerCase) -> Observed:
    """Ten steps with drawn gradients; the sixth is not finite if they are scaled."""
    subject = case.make(k)
    case.prepare(subject)
    variables = [
        k.Variable(floats(3, 2, seed=1), name="kernel"),
        k.Variable(floats(2, seed=2), name="bias"),
    ]
    subject.build(variables)
    apply = jax.jit(subject.stateless_apply)
    state, current = values(subject.variables), values(variables)
    path = []
    for step in range(10):
        scale = np.float32(case.gradient_scale if step == 5 else 1.0)
        with np.errstate(over="ignore"):
            gradients = [
                floats(*v.shape, seed=30 + 2 * step + i) * scale * 10
                for i, v in enumerate(variables)
            ]
        current, state = apply(state, gradients, current)
        path.append([np.asarray(value) for value in current])
    for variable, value in zip(
        [*subject.variables, *variables], [*state, *current], strict=True
    ):
        variable.assign(value)
    subject.finalize_variable_values(variables)
    return {
        "kernel": np.stack([kernel for kernel, _ in path]),
        "bias": np.stack([bias for _, bias in path]),
        **numbered("final", values(variables)),
        **numbered("slot", slots(subject)),
    }


def slots(optimizer: Any) -> list:
    """The arrays an optimizer remembers for its variables, in order."""
    return [v.value for v in optimizer.variables if is_float(v) and v.shape]


def model(k: Any, case: ModelCase) -> Observed:
    """Ten steps of training from known weights, then evaluation and prediction."""
    subject = case.make(k)
    draw_weights(subject)
    subject.compile(**case.compile(k))
    steps = []
    keep = k.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(dict(logs))
    )
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    history = subject.fit(case.x, case.y, callbacks=[keep], **options, **case.fit)
    results = subject.evaluate(
        case.x, case.y, batch_size=8, verbose=0, return_dict=True
    )
    return {
        "logs": np.array(list(history.history)),
        "steps": np.array([list(logs.values()) for logs in steps], "float32"),
        "epochs": np.array(list(history.history.values()), "float32"),
        **{f"evaluated.{name}": np.float32(value) for name, value in results.items()},
        **numbered("weight", subject.get_weights()),
        **numbered("predicted", subject.predict(case.x, batch_size=8, verbose=0)),
    }
