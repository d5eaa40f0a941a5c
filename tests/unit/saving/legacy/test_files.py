"""Old files as a whole: lists of names, weights alone, the state of training."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

import lamina
from lamina.errors import FileFormatError
from tests.unit.saving.legacy_layout import (
    BIAS,
    KERNEL,
    ROWS,
    dense,
    numbered,
    predicted,
    stack,
    write,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "old.h5"


def test_long_lists_of_names_are_split(path):
    layers = {f"l{i}": numbered([np.eye(3), np.ones(3)]) for i in range(5)}
    write(path, stack(*[dense(3)] * 5), layers, parts=3, keras_version="2.2.4")
    np.testing.assert_allclose(predicted(path, ROWS), ROWS + 5, atol=1e-5)


def test_a_long_config_is_read(path):
    count = 400
    layers = {f"l{i}": numbered([np.eye(3), np.zeros(3)]) for i in range(count)}
    config = stack(*[dense(3, kernel_initializer="x" * 200)] * count)
    config["config"] = config["config"][:60]
    for entry in config["config"]:
        entry["config"]["kernel_initializer"] = {"class_name": "Zeros", "config": {}}
        entry["config"]["quantization_config"] = "y" * 2000
    some = dict(list(layers.items())[:60])
    write(path, config, some, keras_version="2.2.4")
    assert len(json.dumps(config)) > 2**16
    np.testing.assert_allclose(predicted(path, ROWS), ROWS, atol=1e-5)


def model(name="l0"):
    return lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(2, name=name)])


@pytest.mark.parametrize("name", ["l0", "another"])
def test_weights_are_matched_by_name_or_order(path, name):
    write(path, None, {"l0": numbered([KERNEL, BIAS])}, keras_version="2.2.4")
    expected = model(name)
    assert len(expected.load_weights(path).loaded) == 2
    np.testing.assert_array_equal(expected.get_weights()[0], KERNEL)


def test_mismatches_raise_table_or_are_skipped(path):
    write(path, None, {"l0": numbered([KERNEL.T, BIAS])}, keras_version="2.2.4")
    expected = model()
    before = expected.get_weights()[0]
    with pytest.raises(FileFormatError, match=r"l0/kernel +\(3, 2\) +\(2, 3\) +wrong"):
        expected.load_weights(path)
    report = expected.load_weights(path, skip_mismatch=True)
    assert report.wrong_shape and report.loaded == [expected.weights[1].path]
    np.testing.assert_array_equal(expected.get_weights()[0], before)


def test_layers_that_one_side_lacks_are_named(path):
    layers = {"l0": numbered([KERNEL, BIAS]), "x": numbered([BIAS])}
    write(path, None, layers, keras_version="2.2.4")
    with pytest.raises(FileFormatError, match=r"w0:0 +- +\(2,\) +unexpected"):
        model().load_weights(path)
    assert model().load_weights(path, strict=False).unexpected == ["w0:0"]


def test_wrong_number_of_arrays_raises(path):
    write(path, None, {"l0": numbered([KERNEL, BIAS, BIAS])}, keras_version="2.2.4")
    with pytest.raises(FileFormatError, match="l0"):
        model().load_weights(path)


ADAM = {"class_name": "Adam", "config": {"lr": 0.1, "decay": 0.5, "clipnorm": 2.0}}


@pytest.mark.parametrize(
    ("version", "norm"), [("2.2.4", "global_clipnorm"), ("2.2.4-tf", "clipnorm")]
)
def test_decay_and_clipnorm_are_converted(path, version, norm):
    training = {"optimizer_config": ADAM, "loss": "cosine_proximity",
                "metrics": ["acc"], "loss_weights": None}  # fmt: skip
    slots = [np.full(s, n, "float32") for n in (1, 2) for s in ((3, 2), (2,))]
    write(path, stack(dense()), {"l0": numbered([KERNEL, BIAS])}, training,
          state=[np.int64(4), *slots], keras_version=version)  # fmt: skip
    loaded = lamina.models.load_model(path)
    optimizer = loaded.optimizer
    assert getattr(optimizer, norm) == 2.0
    assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + 0.5 * 4))
    assert int(optimizer.iterations) == 4
    state = {v.name: v.numpy() for v in optimizer.variables}
    assert np.all(state["l0_kernel_momentum"] == 1)
    assert np.all(state["l0_bias_velocity"] == 2)
    assert loaded.loss == "cosine_similarity"


@pytest.mark.parametrize("where", ["loss", "metrics"])
def test_functions_of_compile_are_taken_from_the_caller(path, where):
    def twice(y_true, y_pred):
        return 2 * lamina.losses.mean_absolute_error(y_true, y_pred)

    training = {"optimizer_config": ADAM, "loss": "mae", "metrics": ["mae"]}
    training[where] = {"loss": "twice", "metrics": ["twice"]}[where]
    write(path, stack(dense()), {"l0": numbered([KERNEL, BIAS])}, training,
          keras_version="2.2.4")  # fmt: skip
    model = lamina.models.load_model(path, custom_objects={"twice": twice})
    logs = model.evaluate(ROWS, np.ones((len(ROWS), 2)), verbose=0, return_dict=True)
    loss, metric = logs["loss"], logs[min(logs.keys() - {"loss"})]
    assert loss / metric == pytest.approx({"loss": 2, "metrics": 0.5}[where])


@pytest.mark.parametrize(
    ("version", "options", "decay"),
    [("2.2.4", {"schedule_decay": 0.01}, 0.01), ("2.15.0", {}, 1.0)],
)
def test_nadam_momentum_schedule_is_restored(path, version, options, decay):
    nadam = {"class_name": "Nadam", "config": {"beta_1": 0.8, **options}}
    training = {"optimizer_config": nadam, "loss": "mse"}
    slots = [np.full(s, n, "float32") for n in (1, 2) for s in ((3, 2), (2,))]
    write(path, stack(dense()), {"l0": numbered([KERNEL, BIAS])}, training,
          state=[np.int64(3), *slots], keras_version=version)  # fmt: skip
    optimizer = lamina.models.load_model(path).optimizer
    state = {v.name: v.numpy() for v in optimizer.variables}
    assert int(optimizer.iterations) == 3 and optimizer.momentum_decay == decay
    assert np.all(state["l0_kernel_momentum"] == 1)
    assert np.all(state["l0_bias_velocity"] == 2)
    momenta = [0.8 * (1 - 0.5 * 0.96 ** (decay * step)) for step in (1, 2, 3)]
    np.testing.assert_allclose(state["product"], np.prod(momenta), rtol=1e-6)


@pytest.mark.parametrize(
    ("version", "order"),
    [
        ("2.0.5", ["l0/bias", "l0/kernel", "l1/beta", "l1/gamma"]),
        ("2.0.6", ["l0/kernel", "l0/bias", "l1/gamma", "l1/beta"]),
    ],
)
def test_order_of_optimizer_state_depends_on_the_version(path, version, order):
    shapes = {"l0/kernel": (3, 2), "l0/bias": (2,), "l1/gamma": (2,), "l1/beta": (2,)}
    weights = {name: np.ones(shape, "float32") for name, shape in shapes.items()}
    weights |= {f"l1/moving_{n}": np.ones(2, "float32") for n in ("mean", "variance")}
    groups = {
        layer: {f"{n}:0": array for n, array in weights.items() if n.startswith(layer)}
        for layer in ("l0", "l1")
    }
    training = {"optimizer_config": ADAM, "loss": "mse"}
    slot = [np.full(shapes[name], i, "float32") for i, name in enumerate(order)]
    write(path, stack(dense(), ("BatchNormalization", {})), groups, training,
          state=[np.int64(4), *slot, *slot], keras_version=version)  # fmt: skip
    optimizer = lamina.models.load_model(path).optimizer
    state = {v.name: v.numpy() for v in optimizer.variables}
    for i, name in enumerate(order):
        assert np.all(state[f"{name.replace('/', '_')}_momentum"] == i)


@pytest.mark.parametrize("state", [[np.int64(4)], [np.ones((7, 7))]])
def test_mismatched_optimizer_state_is_skipped_with_warning(path, state):
    training = {"optimizer_config": ADAM, "loss": "mse"}
    write(path, stack(dense()), {"l0": numbered([KERNEL, BIAS])}, training,
          state=state, keras_version="2.2.4")  # fmt: skip
    with pytest.warns(UserWarning, match="state of Adam in .* was not loaded: the"):
        optimizer = lamina.models.load_model(path).optimizer
    assert int(optimizer.iterations) == 0


def test_compiling_can_be_left_out(path):
    training = {"optimizer_config": {"class_name": "Own", "config": {}}, "loss": "mse"}
    write(path, stack(dense()), {"l0": numbered([KERNEL, BIAS])}, training,
          keras_version="2.2.4")  # fmt: skip
    with pytest.raises(FileFormatError, match="'Own'"):
        lamina.models.load_model(path)
    assert not lamina.models.load_model(path, compile=False).compiled


def test_missing_or_repeated_array_names_raise(path):
    write(path, None, {"l0": numbered([KERNEL, BIAS])}, keras_version="2.2.4")
    for names in ([b"w0:0", b"w0:0"], [b"w0:0", b"../w1:0"]):
        with h5py.File(path, "a") as file:
            file["l0"].attrs["weight_names"] = np.array(names)
        with pytest.raises(FileFormatError, match="twice|does not have it"):
            model().load_weights(path)
