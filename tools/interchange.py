"""Exchange model files between Keras and lamina and compare the models.

    KERAS_BACKEND=jax python -m tools.interchange
    KERAS_BACKEND=jax python -m tools.interchange --family optimizers --case adam

In each case, one library creates a model, possibly trains it, and saves it; the other
loads the file. The loaded model must predict, evaluate and train as the saved one does.
A case that fails is repeated with Keras as both writer and reader; cases in which Keras
cannot read its own file are listed separately. It needs Keras, as in
`pip install -e '.[oracle]'`.
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
from tests.tables.user_classes import TARGETS, USER_CLASSES

BATCH = {"batch_size": 8, "verbose": 0}
H5 = "h5", "h5 layers"
DIRECTIONS = "Keras > lamina", "lamina > Keras"
Results = list[Any]


class Exchange(NamedTuple):
    """Model to save, and the function whose results must not change by saving."""

    family: str
    name: str
    make: Callable[[Any], Any]
    results: Callable[[Any], Results]


def layer_model(k: Any, case: LayerCase) -> Any:
    """Return a model of one layer with known weights."""
    layer = observe.ready(k, case)
    # Masks and states in the arguments determine the batch size.
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
    """Return a model whose predictions are its inputs."""
    inputs = k.Input(y_pred.shape[1:], dtype=y_pred.dtype.name)
    model = k.Model(inputs, k.layers.Activation("linear")(inputs))
    model.compile("sgd", **compile_with)
    return model


def evaluation(x: Any, y: Any, weight: Any = None) -> Callable[[Any], Results]:
    """Return a function that evaluates a model on data."""

    def results(model: Any) -> Results:
        found = model.evaluate(
            x, y, sample_weight=weight, batch_size=len(x), verbose=0, return_dict=True
        )
        return [found[name] for name in sorted(found)]

    return results


def of_loss(case: LossCase) -> Exchange:
    return Exchange(
        "losses",
        case.name,
        lambda k: identity(k, case.y_pred, loss=case.make(k)),
        evaluation(case.y_pred, case.y_true),
    )


def of_metric(case: MetricCase) -> Exchange:
    y_true, y_pred = case.updates[0].arguments
    sparse = y_true.shape != y_pred.shape
    loss = "sparse_categorical_crossentropy" if sparse else "mse"
    return Exchange(
        "metrics",
        case.name,
        lambda k: identity(k, y_pred, loss=loss, metrics=[case.make(k)]),
        evaluation(y_pred, y_true),
    )


def trained(make: Callable[[Any], Any], x: Any, y: Any, **fit: Any) -> Any:
    """Return a function that creates a model and trains it for an epoch."""

    def make_trained(k: Any) -> Any:
        model = make(k)
        model.fit(x, y, shuffle=False, **BATCH, **fit)
        return model

    return make_trained


def further_training(x: Any, y: Any, **fit: Any) -> Callable[[Any], Results]:
    """Return a function that predicts, trains on, and returns the final state."""

    def results(model: Any) -> Results:
        predicted = model.predict(x, **BATCH)
        history = model.fit(x, y, epochs=2, shuffle=False, **BATCH, **fit).history
        state = [np.asarray(v) for v in model.optimizer.variables]
        return [predicted, list(history.values()), model.get_weights(), state]

    return results


def of_optimizer(name: str, make: Callable[[Any], Any], family: str) -> Exchange:
    def compiled(k: Any) -> Any:
        model = perceptron(k)
        observe.draw_weights(model)
        model.compile(make(k), "mse")
        return model

    return Exchange(
        family, name, trained(compiled, ROWS, REALS), further_training(ROWS, REALS)
    )


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
            further_training(case.x, case.y, **case.fit),
        )


def of_graphs() -> Iterable[Exchange]:
    for case in GRAPHS:

        def results(model: Any, case: Any = case) -> Results:
            return [model.predict_on_batch(case.x), model.get_weights()]

        def make(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            model.predict_on_batch(case.x)
            observe.draw_weights(model)
            return model

        yield Exchange("graphs", case.name, make, results)


def of_user_classes() -> Iterable[Exchange]:
    for case in USER_CLASSES:

        def compiled(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            model.compile(**case.compile)
            return model

        def state(model: Any, case: Any = case) -> Results:
            slots = [np.asarray(v, "float32") for v in model.optimizer.variables]
            return [model.predict(case.x, **BATCH), model.get_weights(), slots]

        if case.keras:
            # Half-precision training differs in the last bit.
            results = (
                state
                if case.name == "other_types"
                else further_training(case.x, TARGETS)
            )
            make = trained(compiled, case.x, TARGETS)
            yield Exchange("user classes", case.name, make, results)


def of_h5(layers: Iterable[LayerCase]) -> Iterable[Exchange]:
    """Yield models to save as `.h5`, from which Keras restores no optimizer state."""
    for case in MODELS:

        def compiled(k: Any, case: Any = case) -> Any:
            model = case.make(k)
            observe.draw_weights(model)
            model.compile(**case.compile(k))
            return model

        def results(model: Any, case: Any = case) -> Results:
            scores = model.evaluate(case.x, case.y, return_dict=True, **BATCH)
            return [model.predict(case.x, **BATCH), model.get_weights(), scores]

        yield Exchange("h5", case.name, trained(compiled, case.x, case.y), results)
    for exchange in of_graphs():
        yield exchange._replace(family="h5")
        yield exchange._replace(family="h5 weights")
    for exchange in map(of_layer, layers):
        yield exchange._replace(family="h5 layers")


def takes_predictions(case: MetricCase) -> bool:
    """Return whether a metric is updated with targets and predictions."""
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

    # `predict` compiles too.
    return Exchange("ops", case.label, make, lambda model: [jax.jit(model)(arrays)])


def is_saved_in_graphs(case: OpCase) -> bool:
    """Return whether Keras has an operation class for a function of tensors."""
    arrays = [a for a in jax.tree.leaves(case.args) if isinstance(a, np.ndarray)]
    plain = not any(callable(v) for v in jax.tree.leaves(case.args))
    return plain and bool(arrays) and case.name in KERAS_CLASSES


def exchanges() -> list[Exchange]:
    """Return all cases."""
    refused = {"code", "host"}
    layers = [c for c in LAYERS if c.traits.isdisjoint(refused) and c.expected is None]
    schedules = [
        (c.name, lambda k, c=c: k.optimizers.SGD(c.make(k), momentum=0.9))
        for c in SCHEDULES
    ]
    return [
        *[of_layer(case) for case in layers],
        *[of_loss(case) for case in LOSSES],
        *[of_metric(case) for case in METRICS if takes_predictions(case)],
        *[of_optimizer(c.name, c.make, "optimizers") for c in OPTIMIZERS],
        *[of_optimizer(name, make, "schedules") for name, make in schedules],
        *of_models(),
        *of_graphs(),
        *[case._replace(family="weights") for case in of_graphs()],
        *of_h5(layers),
        *of_user_classes(),
        *[of_op(case) for case in OPS if is_saved_in_graphs(case)],
    ]


def load(k: Any, path: Path) -> Any:
    """Load a model with one of the libraries."""
    return (k.models if k is lamina else k.saving).load_model(path)


def save_weights(model: Any, writer: Any, path: Path) -> None:
    """Save only weights; Keras has no public function for the layout of Keras 2."""
    if writer is lamina or path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        from keras.src.legacy.saving import legacy_h5_format

        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)


def save_and_load(case: Exchange, writer: Any, reader: Any, folder: Path) -> Any:
    """Return the model that one library saved, and the one that the other loaded."""
    model = case.make(writer)
    if case.family.endswith("weights"):
        path = folder / (
            "old.h5" if case.family == "h5 weights" else "model.weights.h5"
        )
        save_weights(model, writer, path)
        loaded = case.make(reader)
        loaded.set_weights([np.zeros_like(weight) for weight in loaded.get_weights()])
        loaded.load_weights(path)
        return model, loaded
    path = folder / ("model.h5" if case.family in H5 else "model.keras")
    model.save(path)
    if case.family in ("graphs", "user classes", *H5):
        case.make(reader)  # registers the user's classes
    if writer is not lamina and case.family in ("models", "optimizers"):
        # Keras cannot train a model on after EMA weights are applied; its copy can.
        model = load(writer, path)
    return model, load(reader, path)


def check_exchange(case: Exchange, writer: Any, reader: Any, folder: Path) -> None:
    """Save with one library, load with the other, compare.

    Raises:
        AssertionError: the results differ. Other errors come from one of the libraries.
    """
    model, loaded = save_and_load(case, writer, reader, folder)
    pairs = zip(case.results(model), case.results(loaded), strict=True)
    for number, (saved, loaded) in enumerate(pairs):
        left, right = jax.tree.leaves(saved), jax.tree.leaves(loaded)
        assert len(left) == len(right), f"{len(left)} arrays saved, {len(right)} loaded"
        for one, other in zip(left, right, strict=True):
            np.testing.assert_allclose(
                np.asarray(one, "float64"),
                np.asarray(other, "float64"),
                rtol=2e-4,
                atol=2e-5,
                err_msg=f"part {number}",
            )


def objects_read_back(k: Any) -> list[tuple[str, str]]:
    """Return the objects whose config Keras does not read as the same class."""
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


class Report(NamedTuple):
    """Numbers of cases by family and direction, and the failures."""

    total: Counter[tuple[str, str]]
    passed: Counter[tuple[str, str]]
    failures: list[tuple[str, str, str]]
    keras_alone: dict[str, str]  # errors of Keras with its own files


def failure(
    case: Exchange, writer: Any, reader: Any, folder: Path, verbose: bool = False
) -> str:
    """Return the error of a case, or an empty string."""
    try:
        check_exchange(case, writer, reader, folder)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        return short(error)
    return ""


def run_cases(cases: Sequence[Exchange], k: Any, verbose: bool) -> Report:
    """Run every case in both directions."""
    found = Report(Counter(), Counter(), [], {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, case in enumerate(cases):
            for direction, writer, reader in (
                (DIRECTIONS[0], k, lamina),
                (DIRECTIONS[1], lamina, k),
            ):
                found.total[case.family, direction] += 1
                problem = failure(case, writer, reader, folder, verbose)
                label = f"{case.family}.{case.name}"
                if not problem:
                    found.passed[case.family, direction] += 1
                elif alone := failure(case, k, k, folder):
                    found.total[case.family, direction] -= 1
                    found.keras_alone[label] = alone
                else:
                    found.failures.append((direction, label, problem))
            if i % 25 == 24:
                k.backend.clear_session()
                jax.clear_caches()
                gc.collect()
    return found


def show(found: Report) -> None:
    """Print the numbers of cases that pass, and the errors of the others."""
    alone = Counter(label.partition(".")[0] for label in found.keras_alone)
    print(
        f"{'family':<12}"
        + "".join(f"{w:>20}" for w in (*DIRECTIONS, "Keras fails alone"))
    )
    for family in dict.fromkeys(family for family, _ in found.total):
        counts = [
            f"{found.passed[family, w]} of {found.total[family, w]}" for w in DIRECTIONS
        ]
        print(f"{family:<12}" + "".join(f"{c:>20}" for c in (*counts, alone[family])))
    for direction, label, problem in found.failures:
        print(f"{direction}  {label}  {problem}")
    for label, problem in found.keras_alone.items():
        print(f"Keras > Keras  {label}  {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--family", help="run only this family")
    parser.add_argument("--case", help="run only cases whose name contains this")
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
    show(run_cases(cases, keras, options.verbose))
    if options.family in (None, "objects"):
        failures = objects_read_back(keras)
        print(f"objects: Keras reads {len(CONFIGS) - len(failures)} of {len(CONFIGS)}")
        for name, problem in failures:
            print(f"lamina > Keras  {name}  {problem}")


if __name__ == "__main__":
    sys.exit(main())
