"""The `.h5` files of older Kerases: the same rules, whatever the file says it is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import lamina
from lamina import layers
from tests.security.harmless import refused
from tests.security.test_configs import BODY, PICKLE
from tests.tables.cases import named

Change = Callable[[h5py.File, str], None]


class Row(NamedTuple):
    """A file that does harm where it works, and why it is refused."""

    name: str
    change: Change
    reason: str
    weights: bool = True  # whether loading weights alone would do the harm too


def legacy(change: Change, secret: str = "") -> bytes:
    """A good file of Keras 2, changed."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        dense = {"name": "d", "units": 2, "batch_input_shape": [None, 3]}
        set_model(file, {"class_name": "Dense", "config": dense})
        file.attrs["keras_version"], file.attrs["backend"] = "2.2.4", "tensorflow"
        file.attrs["training_config"] = json.dumps(
            {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "mse"}
        )
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [b"d"]
        group = root.create_group("d")
        group.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        group["d/kernel:0"] = np.ones((3, 2), "f4")
        group["d/bias:0"] = np.ones(2, "f4")
        change(file, secret)
    return buffer.getvalue()


def set_model(file: h5py.File, *entries: Any) -> None:
    config = {"name": "old", "layers": list(entries)}
    file.attrs["model_config"] = json.dumps(
        {"class_name": "Sequential", "config": config}
    )


def with_layer(class_name: str, **config: Any) -> Change:
    def change(file: h5py.File, secret: str) -> None:
        config.setdefault("batch_input_shape", [None, 3])
        set_model(file, {"class_name": class_name, "config": {"name": "d", **config}})

    return change


def with_attribute(name: str, value: Any, group: str = "/") -> Change:
    def change(file: h5py.File, secret: str) -> None:
        file[group].attrs[name] = value

    return change


def external_weights(file: h5py.File, secret: str) -> None:
    del file["model_weights"]
    file["model_weights"] = h5py.ExternalLink(secret, "/")


def soft_weights(file: h5py.File, secret: str) -> None:
    file.move("model_weights", "other")
    file["model_weights"] = h5py.SoftLink("/other")


def virtual_weights(file: h5py.File, secret: str) -> None:
    group = file["model_weights/d"]
    del group["d/bias:0"]
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(secret, "values", (2,))
    group.create_virtual_dataset("d/bias:0", layout)


def external_values(file: h5py.File, secret: str) -> None:
    group = file["model_weights/d"]
    del group["d/bias:0"]
    group.create_dataset("d/bias:0", (2,), "f4", external=[(secret, 0, 8)])


def giant(file: h5py.File, secret: str) -> None:
    group = file["model_weights/d"]
    del group["d/bias:0"]
    group.create_dataset("d/bias:0", (10**12,), "f4")


def many_times(file: h5py.File, secret: str) -> None:
    """A megabyte, and a list that says it a thousand times."""
    group = file["model_weights/d"]
    group["large"] = np.zeros(2**18, "f4")
    group.attrs["weight_names"] = [b"large"] * 1000


def in_each_other(file: h5py.File, secret: str) -> None:
    """The same megabyte under the names of thirty layers."""
    path = "/".join("a" * 30)
    group = file["model_weights"].create_group(path)
    group["large"] = np.zeros(2**18, "f4")
    names = ["/".join("a" * i) for i in range(1, 31)]
    for i, name in enumerate(names):
        below = "/".join([*"a" * (29 - i), "large"])
        file["model_weights"][name].attrs["weight_names"] = [below.encode()]
    file["model_weights"].attrs["layer_names"] = [n.encode() for n in names]


ROWS = [
    Row("CVE-2025-9905:bytecode", with_layer("Lambda", function=BODY,
        function_type="lambda", module="__main__"), "never runs code", False),
    Row("CVE-2025-9905:function", with_layer("Lambda", function="system",
        function_type="function", module="os"), "the function 'system'", False),
    Row("CVE-2025-1550:class", with_layer("os>system"), "does not know", False),
    Row("CVE-2025-49655:pickle", with_layer("TorchModuleWrapper", module=PICKLE),
        "never runs code", False),
    Row("CVE-2025-12058:vocabulary", with_layer("StringLookup",
        vocabulary="/etc/passwd"), "has the path", False),
    Row("CVE-2026-1462:saved_model", with_layer("TFSMLayer", filepath="/harm"),
        "a program of TensorFlow", False),
    Row("CVE-2026-12479:name", with_layer("Dense", units=2, name="../../harm"),
        "without '/'", False),
    Row("CVE-2021-37678:yaml", with_attribute("model_config",
        "!!python/object/apply:os.system ['touch harm']"), "not valid JSON"),
    Row("#22900:external_link", external_weights, "soft or external link"),
    Row("TFK#921:external_link", external_weights, "soft or external link"),
    Row("#22899:soft_link", soft_weights, "soft or external link"),
    Row("#22976:virtual", virtual_weights, "a virtual dataset"),
    Row("CVE-2026-1669:external_storage", external_values, "in another file"),
    Row("CVE-2026-0897:giant", giant, "declares the shape"),
    Row("integers:units", with_layer("Dense", units=10**12), "too large a model|would",
        False),
    Row("integers:many_times", many_times, "lists the array .*large' twice"),
    Row("integers:in_each_other", in_each_other, "lists the array .*large' twice"),
    Row("json:deep", with_attribute("model_config", "[" * 10**4), "too deep"),
    Row("json:training", with_attribute("training_config", '{"a":' * 200), "JSON|deep",
        False),
    Row("shadowing:optimizer", with_attribute("training_config", json.dumps(
        {"optimizer_config": {"class_name": "Dense", "config": {"units": 1}}})), ".",
        False),
    Row("shadowing:loss", with_attribute("training_config", json.dumps(
        {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "eval"})),
        "Unknown loss", False),
    Row("damaged:no_array", with_attribute("weight_names", [b"d/none:0"],
        "model_weights/d"), "but does not have it"),
    Row("damaged:fused", with_layer("CuDNNLSTM", units=3,
        batch_input_shape=[None, 3, 2]), "do not match the model's", False),
]  # fmt: skip


@pytest.fixture
def secret(tmp_path):
    """A file that no loader has any business with."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(2, dtype="f4")
    return str(path)


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory):
    """Python and JAX import what they need when it is first needed."""
    path = tmp_path_factory.mktemp("warm") / "good.h5"
    path.write_bytes(legacy(lambda file, secret: None))
    lamina.models.load_model(path).load_weights(path)


@pytest.mark.parametrize("row", named(ROWS))
def test_a_model_is_refused(row, tmp_path, secret):
    path = tmp_path / "harm.h5"
    path.write_bytes(legacy(row.change, secret))
    with refused(row.reason, path):
        lamina.models.load_model(path)
    with refused("no unsafe mode", path):
        lamina.models.load_model(path, safe_mode=False)


@pytest.mark.parametrize("row", named(r for r in ROWS if r.weights))
def test_weights_are_refused(row, tmp_path, secret):
    path = tmp_path / "harm.h5"
    path.write_bytes(legacy(row.change, secret))
    model = lamina.Sequential([layers.Input((3,)), layers.Dense(2, name="d")])
    with refused(row.reason, path):
        model.load_weights(path)


def test_integers_version_of_ten_thousand_digits(tmp_path):
    path = tmp_path / "odd.h5"
    path.write_bytes(legacy(with_attribute("keras_version", "9" * 10**4)))
    assert lamina.models.load_model(path).count_params() == 8


def test_the_good_file_is_good(tmp_path):
    path = tmp_path / "good.h5"
    path.write_bytes(legacy(lambda file, secret: None))
    assert lamina.models.load_model(path).get_weights()[0].tolist() == [[1, 1]] * 3
