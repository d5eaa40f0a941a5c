"""Configs that ask for too much: memory, time, depth."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

import lamina
from lamina import layers, saving
from tests.security.harmless import harmless, refused
from tests.security.hostile import changed, good_config, keras_file, model_of
from tests.security.hostile import layer as config_of
from tests.tables.cases import named

BIG = 10**12
# 100,000 boundaries of a schedule take 1,120,000 calls, most others 60,000 or fewer.
MOST_CALLS = 2_000_000


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


def op(function: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """A model that calls a function of the library's on its input of four numbers."""
    config = graph(("o", "x"))
    entry = config["config"]["layers"][1]
    entry |= config_of("Op", "lamina.ops", name="o", function=function)
    first = entry["inbound_nodes"][0]["args"]
    entry["inbound_nodes"] = [{"args": [*first, *args], "kwargs": kwargs}]
    return config


def tensor_as_shape() -> dict[str, Any]:
    """A function that would go through all elements of a large tensor."""
    config = op("broadcast_to", 3)
    call = config["config"]["layers"][1]["inbound_nodes"][0]
    call["args"].reverse()
    first = ("config", "layers", 0, "config", "batch_shape")
    return changed(config, *first, to=[1000, 1000])


def compiled(key: str, value: Any) -> dict[str, Any]:
    return changed(good_config(), "compile_config", key, to=value)


def optimizer(class_name: str, **config: Any) -> dict[str, Any]:
    return compiled("optimizer", config_of(class_name, "keras.optimizers", **config))


def rows_of(batch: int, *layer_configs: dict[str, Any]) -> dict[str, Any]:
    """A model that takes so many rows at once."""
    config = model_of(*layer_configs)
    first = ("config", "layers", 0, "config", "batch_shape")
    return changed(config, *first, to=[batch, 4, 1])


def picture(*layer_configs: dict[str, Any]) -> dict[str, Any]:
    reshape = config_of("Reshape", target_shape=[2, 2, 1])
    return model_of(reshape, *layer_configs)


def in_each_other(depth: int) -> dict[str, Any]:
    config = config_of("BatchNormalization")
    for _ in range(depth):
        config = config_of("TimeDistributed", layer=config)
    shape = [1] * (depth + 1)
    return model_of(config_of("Reshape", target_shape=[*shape, 4]), config)


def nested_list(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


TOO_LARGE = "too large a model|would take|would be an array of shape"

ROWS = [
    Row("integers:units", model_of(config_of("Dense", units=BIG)), TOO_LARGE),
    Row("integers:units_of_memory",
        model_of(config_of("Dense", units=10**8)), TOO_LARGE),
    Row("integers:filters", model_of(config_of("Reshape", target_shape=[4, 1]),
        config_of("Conv1D", filters=BIG, kernel_size=1)), TOO_LARGE),
    Row("integers:embedding",
        model_of(config_of("Embedding", input_dim=BIG, output_dim=8)),
        TOO_LARGE),
    Row("integers:recurrent", model_of(config_of("Reshape", target_shape=[4, 1]),
        config_of("LSTM", units=10**9)), TOO_LARGE),
    Row("integers:reshape",
        model_of(config_of("Reshape", target_shape=[BIG])), "Reshape"),
    Row("integers:many_layers_of_size",
        model_of(*[config_of("Dense", units=4000)] * 40),
        TOO_LARGE),
    Row("integers:overflow", model_of(config_of("Dense", units=2**62)), TOO_LARGE),
    Row("integers:rows", rows_of(BIG, config_of("Flatten")), TOO_LARGE),
    Row("integers:states", rows_of(10**6, config_of("LSTM", units=10**4,
        stateful=True, recurrent_initializer="zeros")), TOO_LARGE),
    Row("integers:repeated", model_of(config_of("RepeatVector", n=BIG)), TOO_LARGE),
    Row("integers:padded", picture(config_of("ZeroPadding2D", padding=10**9)),
        TOO_LARGE),
    Row("integers:enlarged", picture(config_of("UpSampling2D", size=10**6,
        interpolation="bilinear")), TOO_LARGE),
    Row("integers:strides", picture(config_of("Conv2DTranspose", filters=1,
        kernel_size=3, strides=10**7)), TOO_LARGE),
    Row("integers:tokens", model_of(config_of("CategoryEncoding", num_tokens=BIG)),
        TOO_LARGE),
    Row("integers:oov", model_of(config_of("StringLookup", num_oov_indices=10**9,
        vocabulary=["a"])), "an integer from 0 to"),
    Row("integers:heads", model_of(config_of("Reshape", target_shape=[2, 2]),
        config_of("GroupQueryAttention", head_dim=4, num_query_heads=BIG,
        num_key_value_heads=1)), "."),
    Row("integers:no_number", model_of(config_of("IntegerLookup",
        vocabulary=["a" * 99_999, "1"])), "invalid literal"),
    Row("integers:op_repeats", op("repeat", BIG, axis=1), TOO_LARGE),
    Row("integers:op_tensor_as_shape", tensor_as_shape(), "must be integers that are"),
    Row("integers:op_tiles", op("tile", [1, BIG]), TOO_LARGE),
    Row("integers:op_splits", op("array_split", 10**7, axis=1), "10,000,000 arrays"),
    Row("integers:op_slices", op("unstack", 10**7, axis=1), "10,000,000 arrays"),
    Row("integers:op_differences", op("diff", 10**9), "at most 100"),
    Row("integers:op_values", op("append", [1] * 150_000), "more than 100,000 values"),
    Row("integers:op_unknown", op("__import__", "os"), "not a lamina op"),
    Row("integers:op_module", op("nn"), "not a lamina op"),
    Row("integers:steps", optimizer("Muon", ns_steps=10**9), "from 1 to 100"),
    Row("patterns:repeats", optimizer("Muon", exclude_layers=["(a+)+$"]),
        "regular expressions"),
    Row("patterns:broken", optimizer("Muon", exclude_layers=["("]), "regular"),
    Row("patterns:many", optimizer("Muon", exclude_layers=["a*a*a*a*b"]), "regular"),
    *(Row(f"dtypes:{dtype[:9]}", model_of(config_of("Dense", units=1, dtype=dtype)),
        "Unknown dtype")
        for dtype in ("O", "V1000000000", "(1000,1000)f8", "float128", "mixed_O")),
    Row("dtypes:of_input", model_of(config_of("InputLayer", batch_shape=[None, 4],
        dtype="O")), "Unknown dtype"),
    Row("names:of_a_class", model_of(config_of("A" * 99_999, units=1)),
        "does not know"),
    Row("names:of_an_argument", model_of(config_of("Dense", **{"k" * 99_999: 1})),
        "no argument"),
    Row("names:half_a_letter", model_of(config_of("Dense", units=1, name="\ud800")),
        "printable"),
    Row("names:to_the_left", model_of(config_of("Dense", units=1, name="\u202etxt")),
        "printable"),
    Row("names:activation", model_of(config_of("Dense", units=1, activation="\x1b[2J")),
        "Unknown activation"),
    Row("json:long_text", model_of(config_of("Dense", units="9" * 99_999)), "positive"),
    Row("json:endless_text", model_of(config_of("Dense", units="9" * 10**6)),
        "1,000,000 characters"),
    Row("json:endless_key", model_of(config_of("Dense", **{"k" * 10**6: 1})),
        "1,000,000 characters"),
    Row("json:long_list", model_of({**config_of("Dense"), "config": ["x" * 99] * 999}),
        "must be a dictionary"),
    Row("json:deep", model_of(config_of("Dense", units=nested_list(200))), "deep"),
    Row("integers:negative",
        model_of(config_of("Dense", units=-1)), "positive integer"),
    Row("nan:not_a_number",
        model_of(config_of("Dense", units=float("nan"))), "positive"),
    Row("nan:rate", model_of(config_of("Dropout", rate=float("nan"))), "Dropout"),
    Row("nan:infinite", model_of(config_of("Dense", units=float("inf"))), "positive"),
    Row("integers:above_64_bits",
        model_of(config_of("Dense", units=2**65)), "above 2..64"),
    Row("integers:bool", model_of(config_of("Dense", units=True)), "positive integer"),
    Row("integers:text", model_of(config_of("Dense", units="4")), "positive integer"),
    Row("cycles:self", graph(("a", "a")), r"\['a'\] depend on their own results"),
    Row("cycles:ring", graph(("a", "c"), ("b", "a"), ("c", "b")), "own results"),
    Row("cycles:nowhere", graph(("a", "z")), "no output 0 of call 0 of 'z'"),
    Row("cycles:no_tensor", changed(graph(("a", "x")), "config", "layers", 1,
        "inbound_nodes", 0, "args", to=[]), "is called on no tensor"),
    Row("cycles:wrong_place", changed(graph(("a", "x")), "config", "output_layers",
        to=[["a", 5, 0]]), "no output 0 of call 5"),
    Row("cycles:same_name", model_of(config_of("Dense", units=1, name="a"),
        config_of("Dense", units=2, name="a")), "named 'a'"),
    Row("cycles:ten_to_the_eighth_calls", nested(8), "call each other repeatedly"),
    Row("cycles:layers_in_layers", in_each_other(12), "deep|repeatedly"),
    Row("integers:thresholds", changed(good_config(), "compile_config", "metrics",
        to=[config_of("AUC", "keras.metrics", num_thresholds=10**9)]), "."),
    Row("integers:classes", changed(good_config(), "compile_config", "metrics",
        to=[config_of("MeanIoU", "keras.metrics", num_classes=10**5)]), TOO_LARGE),
    Row("damaged:no_config",
        {"class_name": "Sequential", "config": None}, "cannot be used"),
    Row("damaged:a_layer_alone",
        config_of("Dense", units=1), "holds a Dense, not a model"),
    Row("damaged:no_class", {"config": {}}, "holds a dict, not a model"),
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
    if not row.name.endswith(("a_layer_alone", "no_class")):
        with refused(row.reason):
            saving.deserialize_keras_object(row.config)
        cls = getattr(lamina, row.config["class_name"], lamina.Model)
        with refused(row.reason):
            cls.from_config(row.config["config"])
        with refused(row.reason):
            lamina.models.model_from_json(json.dumps(row.config))


SLOW = {
    "window": picture(
        config_of("UpSampling2D", size=1000),
        config_of("Conv2D", filters=1, kernel_size=1000, strides=1000),
    ),
    "channels": picture(
        config_of("UpSampling2D", size=1000),
        config_of("DepthwiseConv2D", kernel_size=1000, strides=1000),
    ),
    "pool": picture(
        config_of("UpSampling2D", size=1000),
        config_of("AveragePooling2D", pool_size=999, strides=1),
    ),
    "unrolled": model_of(
        config_of("RepeatVector", n=10**6), config_of("LSTM", units=2, unroll=True)
    ),
    "boundaries": optimizer(
        "SGD",
        learning_rate=config_of(
            "PiecewiseConstantDecay",
            "keras.optimizers.schedules",
            boundaries=list(range(1, 10**5)),
            values=[1.0] * 10**5,
        ),
    ),
    "seed": model_of(
        config_of(
            "Dense",
            units=2,
            kernel_initializer=config_of(
                "GlorotUniform", "keras.initializers", seed=2**64
            ),
        )
    ),
}


@contextmanager
def few_calls() -> Iterator[None]:
    """Require that this thread makes at most `MOST_CALLS` calls in the block."""
    count = itertools.count(1)

    def note(frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call") and next(count) > MOST_CALLS:
            sys.setprofile(None)
            pytest.fail(f"more than {MOST_CALLS:,} calls of functions")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("name", SLOW, ids=lambda name: f"integers:{name}_in_time")
def test_config_within_limits_is_fast(name):
    with harmless(), few_calls():
        saving.deserialize_keras_object(SLOW[name])


TEXTS = [
    ("deep", b"[" * 10**6, "too deep"),
    ("deep_object", b'{"a":' * 200 + b"1" + b"}" * 200, "more than 100 deep"),
    ("wide", b"[" + b"[]," * 5_000_000 + b"1]", "more than 4,000,000 values"),
    ("large", b" " * (2**26 + 1), "larger than 64.0 MiB|at most 64.0 MiB"),
    ("digits", b'{"a": ' + b"1" * 10**5 + b"}", "not valid JSON|above"),
    ("twice", b'{"class_name": "Dense", "class_name": "Lambda"}', "twice"),
    ("list", b"[1]", "must be a dictionary"),
    ("half", b'{"a": ', "not valid JSON"),
    ("utf16", json.dumps({"a": 1}).encode("utf-16"), "not valid JSON"),
    ("bytes", b"\xff\xfe\xfd", "not valid JSON"),
    ("nothing", b"", "not valid JSON"),
]


@pytest.mark.parametrize(
    ("text", "reason"), [t[1:] for t in TEXTS], ids=[f"json:{t[0]}" for t in TEXTS]
)
def test_a_text_is_refused(text, reason, tmp_path):
    path = keras_file(tmp_path / "harm.keras", **{"config.json": text})
    with refused(reason, path):
        lamina.models.load_model(path)
    path = keras_file(tmp_path / "harm2.keras", **{"metadata.json": text})
    with refused(reason, path):
        lamina.models.load_model(path)


def test_half_a_surrogate_pair_is_refused():
    with refused("not valid Unicode: half of a surrogate pair at character 7"):
        lamina.models.model_from_json('{"a": "\ud800"}')


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
def test_invalid_config_raises_lamina_error(cls, config):
    if config == {} and cls not in (layers.Dense, layers.Bidirectional, layers.Lambda):
        return
    with refused("."):
        cls.from_config(config)


def test_a_variable_larger_than_memory_is_refused_in_words():
    model = lamina.Sequential([layers.Input((10,)), layers.Dense(4)])
    with refused(r"'huge/kernel' of shape \(4, 1000000000000\) would take 14.6 TiB"):
        model.add(layers.Dense(BIG, name="huge"))


def test_building_from_a_file_takes_no_memory_for_first_values(tmp_path):
    """Reading weights draws no random numbers."""
    model = lamina.Sequential([layers.Input((5000,)), layers.Dense(5000)])
    model.save(tmp_path / "large.keras")
    path = keras_file(tmp_path / "small.keras", model_config(model))
    with refused("too large a model", path):
        lamina.models.load_model(path)


def model_config(model: Any) -> dict[str, Any]:
    return json.loads(model.to_json())
