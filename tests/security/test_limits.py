"""Configs that ask for too much: memory, time, depth."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

import lamina
from lamina import layers, saving
from tests.security.harmless import refused
from tests.security.hostile import changed, good_config, keras_file, model_of
from tests.security.hostile import layer as config_of
from tests.tables.cases import named

BIG = 10**12


class Row(NamedTuple):
    """The config of a model that eats the machine, and why it is refused."""

    name: str
    config: dict[str, Any]
    reason: str


def call_on(name: str, number: int = 0) -> dict[str, Any]:
    """The record of a call on the output of another call of a layer."""
    place = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, number, 0]}
    return {"args": [{"class_name": "__keras_tensor__", "config": place}], "kwargs": {}}


def graph(*wires: tuple[str, str], times: int = 1, inner: Any = None) -> dict[str, Any]:
    """A model of layers called on each other's outputs, then on their own."""
    first = config_of("InputLayer", batch_shape=[None, 4], name="x")
    entries = [{**first, "name": "x", "inbound_nodes": []}]
    for name, source in wires:
        entry = inner or config_of("Dense", units=4, name=name)
        calls = [call_on(source), *(call_on(name, i) for i in range(times - 1))]
        entries.append({**entry, "name": name, "inbound_nodes": calls})
    config = {
        "name": "graph",
        "layers": entries,
        "input_layers": [["x", 0, 0]],
        "output_layers": [[entries[-1]["name"], times - 1, 0]],
    }
    return {**config_of("Functional", "keras.src.models.functional"), "config": config}


def nested(depth: int) -> dict[str, Any]:
    """A model that calls a model ten times, which calls a model ten times, ..."""
    config = graph(("a", "x"))
    for i in range(depth):
        config = changed(config, "config", "name", to=f"model_{i}")
        config = graph(("a", "x"), times=10, inner=config)
    return config


def in_each_other(depth: int) -> dict[str, Any]:
    config = config_of("BatchNormalization")
    for _ in range(depth):
        config = config_of("TimeDistributed", layer=config)
    shape = [1] * (depth + 1)
    return model_of(config_of("Reshape", target_shape=[*shape, 4]), config)


TOO_LARGE = "too large a model|would take"

ROWS = [
    Row("units", model_of(config_of("Dense", units=BIG)), TOO_LARGE),
    Row("units_of_memory", model_of(config_of("Dense", units=10**8)), TOO_LARGE),
    Row("filters", model_of(config_of("Reshape", target_shape=[4, 1]),
        config_of("Conv1D", filters=BIG, kernel_size=1)), TOO_LARGE),
    Row("embedding", model_of(config_of("Embedding", input_dim=BIG, output_dim=8)),
        TOO_LARGE),
    Row("recurrent", model_of(config_of("Reshape", target_shape=[4, 1]),
        config_of("LSTM", units=10**9)), TOO_LARGE),
    Row("reshape", model_of(config_of("Reshape", target_shape=[BIG])), "Reshape"),
    Row("many_layers_of_size", model_of(*[config_of("Dense", units=4000)] * 40),
        TOO_LARGE),
    Row("negative", model_of(config_of("Dense", units=-1)), "positive integer"),
    Row("not_a_number", model_of(config_of("Dense", units=float("nan"))), "positive"),
    Row("rate", model_of(config_of("Dropout", rate=float("nan"))), "Dropout"),
    Row("infinite", model_of(config_of("Dense", units=float("inf"))), "positive"),
    Row("above_64_bits", model_of(config_of("Dense", units=2**65)), "above 2..64"),
    Row("bool", model_of(config_of("Dense", units=True)), "positive integer"),
    Row("text", model_of(config_of("Dense", units="4")), "positive integer"),
    Row("self", graph(("a", "a")), r"\['a'\] depend on their own results"),
    Row("ring", graph(("a", "c"), ("b", "a"), ("c", "b")), "own results"),
    Row("nowhere", graph(("a", "z")), "nothing makes output 0 of call 0 of 'z'"),
    Row("no_tensor", changed(graph(("a", "x")), "config", "layers", 1,
        "inbound_nodes", 0, "args", to=[]), "is called on no tensor"),
    Row("wrong_place", changed(graph(("a", "x")), "config", "output_layers",
        to=[["a", 5, 0]]), "nothing makes output 0 of call 5"),
    Row("same_name", model_of(*[config_of("Dense", units=1, name="a")] * 2),
        "named 'a'"),
    Row("ten_to_the_eighth_calls", nested(8), "again and again"),
    Row("layers_in_layers", in_each_other(30), "deep|again"),
    Row("thresholds", changed(good_config(), "compile_config", "metrics",
        to=[config_of("AUC", "keras.metrics", num_thresholds=10**9)]), "."),
    Row("classes", changed(good_config(), "compile_config", "metrics",
        to=[config_of("MeanIoU", "keras.metrics", num_classes=10**5)]), TOO_LARGE),
    Row("no_config", {"class_name": "Sequential", "config": None}, "can't be used"),
    Row("a_layer_alone", config_of("Dense", units=1), "holds a Dense, no model"),
    Row("no_class", {"config": {}}, "holds a dict, no model"),
]  # fmt: skip


@pytest.mark.parametrize("row", named(ROWS))
def test_a_file_is_refused(row, tmp_path):
    path = keras_file(tmp_path / "harm.keras", row.config)
    with refused(row.reason, path):
        lamina.models.load_model(path)


@pytest.mark.parametrize(
    "row", named(r for r in ROWS if "compile_config" not in r.config)
)
def test_the_config_alone_is_refused(row):
    """Without weights, by the memory there is: here ten megabytes."""
    lamina.config.set_memory_limit(10**7)
    if row.name not in ("a_layer_alone", "no_class"):
        with refused(row.reason):
            saving.deserialize_keras_object(row.config)
        cls = getattr(lamina, row.config["class_name"], lamina.Model)
        with refused(row.reason):
            cls.from_config(row.config["config"])


TEXTS = [
    ("deep", b"[" * 10**6, "too deep"),
    ("deep_object", b'{"a":' * 200 + b"1" + b"}" * 200, "more than 100 deep"),
    ("wide", b"[" + b"[]," * 5_000_000 + b"1]", "more than 4,000,000 values"),
    ("large", b" " * (2**26 + 1), "more than 64.0 MiB"),
    ("digits", b'{"a": ' + b"1" * 10**5 + b"}", "no valid JSON|above"),
    ("twice", b'{"class_name": "Dense", "class_name": "Lambda"}', "says twice"),
    ("list", b"[1]", "must hold a dictionary"),
    ("half", b'{"a": ', "no valid JSON"),
    ("utf16", json.dumps({"a": 1}).encode("utf-16"), "no valid JSON"),
    ("bytes", b"\xff\xfe\xfd", "no valid JSON"),
    ("nothing", b"", "no valid JSON"),
]


@pytest.mark.parametrize(
    ("text", "reason"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS]
)
def test_a_text_is_refused(text, reason, tmp_path):
    path = keras_file(tmp_path / "harm.keras", **{"config.json": text})
    with refused(reason, path):
        lamina.models.load_model(path)
    path = keras_file(tmp_path / "harm2.keras", **{"metadata.json": text})
    with refused(reason, path):
        lamina.models.load_model(path)


def test_a_config_that_contains_itself_is_refused():
    config = config_of("Dense", units=1)
    config["config"]["activation"] = config
    with refused("contains itself"):
        saving.deserialize_keras_object(config)
    shared: list[Any] = [1]
    for _ in range(50):
        shared = [shared] * 10
    with refused("more than 4,000,000 values"):
        saving.deserialize_keras_object(shared)


@pytest.mark.parametrize("config", [None, 3, "Dense", [1], {"units": "a"}, {1: 2}, {}])
@pytest.mark.parametrize(
    "cls",
    [
        layers.Dense,
        layers.StringLookup,
        lamina.Sequential,
        lamina.Model,
        lamina.optimizers.Adam,
        lamina.initializers.Zeros,
        lamina.losses.Huber,
        layers.Discretization,
        layers.Bidirectional,
        layers.Lambda,
    ],
)
def test_what_is_no_config_is_an_error_of_laminas(cls, config):
    if config == {} and cls not in (layers.Dense, layers.Bidirectional, layers.Lambda):
        return
    with refused("."):
        cls.from_config(config)


def test_a_variable_larger_than_memory_is_refused_in_words():
    model = lamina.Sequential([layers.Input((10,)), layers.Dense(4)])
    with refused(r"'huge/kernel' of shape \(4, 1000000000000\) would take 14.6 TiB"):
        model.add(layers.Dense(BIG, name="huge"))


def test_building_from_a_file_takes_no_memory_for_first_values(tmp_path):
    """What is read replaces no random numbers: none were drawn."""
    model = lamina.Sequential([layers.Input((5000,)), layers.Dense(5000)])
    model.save(tmp_path / "large.keras")
    path = keras_file(tmp_path / "small.keras", model_config(model))
    with refused("too large a model", path):
        lamina.models.load_model(path)


def model_config(model: Any) -> dict[str, Any]:
    return json.loads(model.to_json())
