"""Files between Keras and lamina, both libraries on the spot.

    KERAS_BACKEND=jax python -m tools.interchange
    KERAS_BACKEND=jax python -m tools.interchange --family optimizers --case adam

Each case is a model that one library makes, may train, and saves; the other loads the
file. What the loaded model predicts, evaluates and learns from there on must be what
the saved one does, in either direction. What fails is tried with Keras alone: where
Keras does not read its own file as what it wrote, no other library can, and the case is
listed apart. Needs Keras: `pip install -e '.[oracle]'`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import jax
import numpy as np

import lamina
from lamina.models.graph_ops import KERAS_CLASSES
from tests.oracles import observe
from tests.oracles.families import CONFIGS
from tests.tables.cases import LayerCase, LossCase, MetricCase
from tests.tables.graphs import GRAPHS
from tests.tables.layers import LAYERS
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.models import MODELS, REALS, ROWS, perceptron
from tests.tables.ops import CASES as OPS
from tests.tables.ops import OpCase
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.schedules import SCHEDULES
from tests.tables.user_classes import OWN, TARGETS

BATCH = {"batch_size": 8, "verbose": 0}
H5 = "h5", "h5 layers"
WAYS = "Keras > lamina", "lamina > Keras"
Numbers = list[Any]


class Exchange(NamedTuple):
    """A model to save, and what the saved and the loaded one must agree on."""

    family: str
    name: str
    make: Callable[[Any], Any]
    numbers: Callable[[Any], Numbers]


def layer_model(k: Any, case: LayerCase) -> Any:
    """A model of one layer with known weights."""
    layer = observe.ready(k, case)
    # Masks and states among the arguments have a number of rows.
    inputs = observe.placeholders(k, case, case.inputs[0].shape[0])
    return k.Model(inputs, layer(inputs, **case.call))


def of_layer(case: LayerCase) -> Exchange:
    return Exchange(
        "layers",
        case.name,
        lambda k: layer_model(k, case),
        lambda model: [model.predict_on_batch(case.argument), model.get_weights()],
    )


def identity(k: Any, y_pred: np.ndarray, **compile_with: Any) -> Any:
    """A model that returns what it is given, as a prediction to judge."""
    inputs = k.Input(y_pred.shape[1:], dtype=y_pred.dtype.name)
    model = k.Model(inputs, k.layers.Activation("linear")(inputs))
    model.compile("sgd", **compile_with)
    return model


def judged(x: Any, y: Any, weight: Any = None) -> Callable[[Any], Numbers]:
    """What evaluating a model on data gives."""

    def numbers(model: Any) -> Numbers:
        found = model.evaluate(
            x, y, sample_weight=weight, batch_size=len(x), verbose=0, return_dict=True
        )
        return [found[name] for name in sorted(found)]

    return numbers


def of_loss(case: LossCase) -> Exchange:
    return Exchange(
        "losses",
        case.name,
        lambda k: identity(k, case.y_pred, loss=case.make(k)),
        judged(case.y_pred, case.y_true),
    )


def of_metric(case: MetricCase) -> Exchange:
    y_true, y_pred = case.updates[0].arguments
    sparse = y_true.shape != y_pred.shape
    loss = "sparse_categorical_crossentropy" if sparse else "mse"
    return Exchange(
        "metrics",
        case.name,
        lambda k: identity(k, y_pred, loss=loss, metrics=[case.make(k)]),
        judged(y_pred, y_true),
    )


def trained(make: Callable[[Any], Any], x: Any, y: Any, **fit: Any) -> Any:
    """The maker of a model that has taken a few steps."""

    def started(k: Any) -> Any:
        model = make(k)
        model.fit(x, y, shuffle=False, **BATCH, **fit)
        return model

    return started


def going_on(x: Any, y: Any, **fit: Any) -> Callable[[Any], Numbers]:
    """What a model predicts, and what training on from here leaves."""

    def numbers(model: Any) -> Numbers:
        predicted = model.predict(x, **BATCH)
        history = model.fit(x, y, epochs=2, shuffle=False, **BATCH, **fit).history
        state = [np.asarray(v) for v in model.optimizer.variables]
        return [predicted, list(history.values()), model.get_weights(), state]

    return numbers


def of_optimizer(name: str, make: Callable[[Any], Any], family: str) -> Exchange:
    def compiled(k: Any) -> Any:
        model = perceptron(k)
        observe.draw_weights(model)
        model.compile(make(k), "mse")
        return model

    return Exchange(family, name, trained(compiled, ROWS, REALS), going_on(ROWS, REALS))


def of_models() -> Iterable[Exchange]:
    for case in MODELS:

        def compiled(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            observe.draw_weights(model)
            model.compile(**case.compile(k))
            return model

        yield Exchange(
            "models",
            case.name,
            trained(compiled, case.x, case.y, **case.fit),
            going_on(case.x, case.y, **case.fit),
        )


def of_graphs() -> Iterable[Exchange]:
    for case in GRAPHS:

        def numbers(model: Any, case: Any = case) -> Numbers:
            return [model.predict_on_batch(case.x), model.get_weights()]

        def make(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            model.predict_on_batch(case.x)
            observe.draw_weights(model)
            return model

        yield Exchange("graphs", case.name, make, numbers)


def of_own() -> Iterable[Exchange]:
    for case in OWN:

        def compiled(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            model.compile(**case.compile)
            return model

        def state(model: Any, case: Any = case) -> Numbers:
            slots = [np.asarray(v, "float32") for v in model.optimizer.variables]
            return [model.predict(case.x, **BATCH), model.get_weights(), slots]

        if case.keras:
            # The last bit of half a number's precision is not the same for both.
            numbers = state if case.name == "other_types" else going_on(case.x, TARGETS)
            make = trained(compiled, case.x, TARGETS)
            yield Exchange("own", case.name, make, numbers)


def of_h5(layers: Iterable[LayerCase]) -> Iterable[Exchange]:
    """Models in `.h5` files; Keras takes up no optimizer's state from those."""
    for case in MODELS:

        def compiled(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            observe.draw_weights(model)
            model.compile(**case.compile(k))
            return model

        def numbers(model: Any, case: Any = case) -> Numbers:
            scores = model.evaluate(case.x, case.y, return_dict=True, **BATCH)
            return [model.predict(case.x, **BATCH), model.get_weights(), scores]

        yield Exchange("h5", case.name, trained(compiled, case.x, case.y), numbers)
    for exchange in of_graphs():
        yield exchange._replace(family="h5")
        yield exchange._replace(family="h5 weights")
    for exchange in map(of_layer, layers):
        yield exchange._replace(family="h5 layers")


def is_judge(case: MetricCase) -> bool:
    """Whether a metric compares truth and prediction."""
    return len(case.updates[0].arguments) == 2


def of_op(case: OpCase) -> Exchange:
    arrays = [a for a in jax.tree.leaves(case.args) if isinstance(a, np.ndarray)]

    def make(k: Any) -> Any:
        inputs = [k.Input(batch_shape=a.shape, dtype=a.dtype.name) for a in arrays]
        given = iter(inputs)
        args = jax.tree.map(
            lambda v: next(given) if isinstance(v, np.ndarray) else v, case.args
        )
        return k.Model(inputs, getattr(k.ops, case.name)(*args, **case.kwargs))

    # Compiled, as `predict` does it.
    return Exchange("ops", case.label, make, lambda model: [jax.jit(model)(arrays)])


def in_graphs(case: OpCase) -> bool:
    """Whether a function of tensors alone has a class in Keras."""
    arrays = [a for a in jax.tree.leaves(case.args) if isinstance(a, np.ndarray)]
    plain = not any(callable(v) for v in jax.tree.leaves(case.args))
    return plain and bool(arrays) and case.name in KERAS_CLASSES


def exchanges() -> list[Exchange]:
    """All of them."""
    refused = {"code", "host"}
    layers = [c for c in LAYERS if c.traits.isdisjoint(refused) and c.expected is None]
    schedules = [
        (c.name, lambda k, c=c: k.optimizers.SGD(c.make(k), momentum=0.9))
        for c in SCHEDULES
    ]
    return [
        *[of_layer(case) for case in layers],
        *[of_loss(case) for case in LOSSES],
        *[of_metric(case) for case in METRICS if is_judge(case)],
        *[of_optimizer(c.name, c.make, "optimizers") for c in OPTIMIZERS],
        *[of_optimizer(name, make, "schedules") for name, make in schedules],
        *of_models(),
        *of_graphs(),
        *[case._replace(family="weights") for case in of_graphs()],
        *of_h5(layers),
        *of_own(),
        *[of_op(case) for case in OPS if in_graphs(case)],
    ]


def load(k: Any, path: Path) -> Any:
    """The model in a file."""
    return (k.models if k is lamina else k.saving).load_model(path)


def save_weights(model: Any, writer: Any, path: Path) -> None:
    """Write weights alone; in the layout of Keras 2, Keras has no public way."""
    if writer is lamina or path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        from keras.src.legacy.saving import legacy_h5_format

        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)


def through_a_file(case: Exchange, writer: Any, reader: Any, folder: Path) -> Any:
    """The model that one library saves, and the one that the other makes of it."""
    model = case.make(writer)
    if case.family.endswith("weights"):
        path = folder / (
            "old.h5" if case.family == "h5 weights" else "model.weights.h5"
        )
        save_weights(model, writer, path)
        twin = case.make(reader)
        twin.set_weights([np.zeros_like(weight) for weight in twin.get_weights()])
        twin.load_weights(path)
        return model, twin
    path = folder / ("model.h5" if case.family in H5 else "model.keras")
    model.save(path)
    if case.family in ("graphs", "own", *H5):
        case.make(reader)  # the user's classes are known to both libraries
    if writer is not lamina and case.family in ("models", "optimizers"):
        # Averages leave a model that Keras can't go on with: its copy can.
        model = load(writer, path)
    return model, load(reader, path)


def pass_on(case: Exchange, writer: Any, reader: Any, folder: Path) -> None:
    """Save with one library, load with the other, compare.

    Raises:
        AssertionError: they differ. Anything else is raised by one of the libraries.
    """
    model, twin = through_a_file(case, writer, reader, folder)
    pairs = zip(case.numbers(model), case.numbers(twin), strict=True)
    for number, (saved, loaded) in enumerate(pairs):
        left, right = jax.tree.leaves(saved), jax.tree.leaves(loaded)
        assert len(left) == len(right), f"{len(left)} numbers, {len(right)} loaded"
        for one, other in zip(left, right, strict=True):
            np.testing.assert_allclose(
                np.asarray(one, "float64"),
                np.asarray(other, "float64"),
                rtol=2e-4,
                atol=2e-5,
                err_msg=f"part {number}",
            )


def objects_read_back(k: Any) -> list[tuple[str, str]]:
    """Objects whose lamina config Keras does not read as the same object."""
    failures = []
    for case in CONFIGS:
        try:
            text = json.dumps(lamina.saving.serialize_keras_object(case.make(lamina)))
            item = k.saving.deserialize_keras_object(json.loads(text))
            assert type(item) is type(case.make(k)), f"it is a {type(item).__name__}"
        except Exception as error:
            failures.append((case.name, short(error)))
    return failures


def short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:300]}"


class Found(NamedTuple):
    """What came of passing cases on, by family and way."""

    total: Counter[tuple[str, str]]
    passed: Counter[tuple[str, str]]
    failures: list[tuple[str, str, str]]
    keras_alone: dict[str, str]  # what Keras says of its own file


def tried(
    case: Exchange, writer: Any, reader: Any, folder: Path, verbose: bool = False
) -> str:
    """What went wrong when a case was passed on, or an empty text."""
    try:
        pass_on(case, writer, reader, folder)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        return short(error)
    return ""


def tested(cases: Sequence[Exchange], k: Any, verbose: bool) -> Found:
    """Pass every case on in both directions."""
    found = Found(Counter(), Counter(), [], {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, case in enumerate(cases):
            for way, writer, reader in (
                (WAYS[0], k, lamina),
                (WAYS[1], lamina, k),
            ):
                found.total[case.family, way] += 1
                problem = tried(case, writer, reader, folder, verbose)
                label = f"{case.family}.{case.name}"
                if not problem:
                    found.passed[case.family, way] += 1
                elif alone := tried(case, k, k, folder):
                    found.total[case.family, way] -= 1
                    found.keras_alone[label] = alone
                else:
                    found.failures.append((way, label, problem))
            if i % 25 == 24:
                k.backend.clear_session()
                jax.clear_caches()
                gc.collect()
    return found


def show(found: Found) -> None:
    """Print how many cases pass, and what is wrong with the others."""
    alone = Counter(label.partition(".")[0] for label in found.keras_alone)
    print(f"{'family':<12}" + "".join(f"{w:>20}" for w in (*WAYS, "Keras fails alone")))
    for family in dict.fromkeys(family for family, _ in found.total):
        counts = [
            f"{found.passed[family, w]} of {found.total[family, w]}" for w in WAYS
        ]
        print(f"{family:<12}" + "".join(f"{c:>20}" for c in (*counts, alone[family])))
    for way, label, problem in found.failures:
        print(f"{way}  {label}  {problem}")
    for label, problem in found.keras_alone.items():
        print(f"Keras > Keras  {label}  {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--family", help="only this one")
    parser.add_argument("--case", help="only cases with this in their name")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    print(f"Keras {keras.__version__} on {keras.backend.backend()}, lamina")
    cases = [
        case
        for case in exchanges()
        if options.family in (None, case.family) and (options.case or "") in case.name
    ]
    show(tested(cases, keras, options.verbose))
    if options.family in (None, "objects"):
        failures = objects_read_back(keras)
        print(f"objects: Keras reads {len(CONFIGS) - len(failures)} of {len(CONFIGS)}")
        for name, problem in failures:
            print(f"lamina > Keras  {name}  {problem}")


if __name__ == "__main__":
    sys.exit(main())
