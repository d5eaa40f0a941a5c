"""Own safetensors files and those of the `safetensors` package are the same to both."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import lamina
from lamina import layers
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.byte_range import ByteRange
from lamina.io.safetensors import SafetensorsFile, read_safetensors
from tests.security.harmless import refused

TYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?", "c8"]
ARRAYS = arrays_of.arrays(
    st.sampled_from(TYPES), arrays_of.array_shapes(min_dims=0, min_side=0, max_side=3)
)
FILES = st.dictionaries(st.text(st.characters(codec="utf-8")), ARRAYS, max_size=5)


def written(arrays: dict[str, Any], **metadata: str) -> bytes:
    file = SafetensorsFile(arrays, metadata)
    buffer = io.BytesIO()
    file.write(buffer)
    assert len(buffer.getvalue()) == file.size
    return buffer.getvalue()


def read(data: bytes) -> dict[str, np.ndarray]:
    region = ByteRange(io.BytesIO(data), "the file")
    return {k: d.read() for k, d in read_safetensors(region).arrays.items()}


@given(FILES.filter(lambda arrays: "__metadata__" not in arrays))
def test_lamina_and_safetensors_read_each_other(arrays):
    written_by_lamina = written(arrays)
    theirs = safetensors.numpy.save(
        {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in arrays.items()}
    )
    for found in (
        read(written_by_lamina),
        read(theirs),
        safetensors.numpy.load(written_by_lamina),
    ):
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_dtypes_unknown_to_numpy_are_supported(dtype):
    array = jnp.array([1.5, -2.0, 0.25], dtype)
    found = read(written({"a": array, "odd": np.ones(3, "u1")}))
    assert found["a"].dtype == dtype and found["a"].tolist() == [1.5, -2.0, 0.25]
    start = written({"a": array}).index(b"}}") + 2
    assert b'"BF16"' in written({"a": array}) or "8" in dtype
    assert written({"a": array})[start:].strip() == np.asarray(array).tobytes()


def test_unsupported_dtype_raises():
    with pytest.raises(ArgumentError, match="'a' of type complex128 cannot be written"):
        SafetensorsFile({"a": np.zeros(2, "c16")}, {})


def test_arrays_are_aligned_to_their_item_size():
    data = written(
        {"a": np.ones(3, "u1"), "b": np.ones(1, "f8"), "c": np.ones(1, "f2")}
    )
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0 and list(header) == ["__metadata__", "a", "b", "c"]
    assert [header[k]["data_offsets"][0] for k in "bca"] == [0, 8, 10]


# Files that are not what they say.


def file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: Any = "U8", shape: Any = (4,), offsets: Any = (0, 4)) -> dict:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


FOUR = b"\0" * 4
GOOD = entry()["a"]
HOSTILE = {
    "header_too_long": (file({}, length=2**63), "cut short|at most 64"),
    "header_past_the_end": (file({}, length=100), "cut short"),
    "header_of_a_gigabyte": (file({}, length=2**30), "its header declares"),
    "no_json": (file(b"{a}"), "not valid JSON"),
    "no_utf8": (file(b'{"\xff": 1}'), "not valid JSON"),
    "deep": (file(b'{"a":' * 5000 + b"1" + b"}" * 5000), "deep"),
    "many_values": (
        file(b'{"a":[' + b"0," * 4_100_000 + b"0]}"),
        "more than 4,000,000",
    ),
    "twice": (file(b'{"a": 1, "a": 2}'), "twice"),
    "metadata_of_numbers": (file({"__metadata__": {"a": 1}}), "dictionary of strings"),
    "metadata_of_a_list": (file({"__metadata__": []}), "dictionary of strings"),
    "no_entry": (file({"a": []}), "must have the keys"),
    "more_in_an_entry": (
        file({"a": {**GOOD, "path": "x"}}, FOUR),
        "must have the keys",
    ),
    "objects": (file(entry("O"), FOUR), "of type 'O'"),
    "type_of_a_list": (file(entry(["U8"]), FOUR), "is of type"),
    "negative": (file(entry(shape=(-4,)), FOUR), "list of sizes as shape"),
    "two_negatives": (file(entry(shape=(-2, -2)), FOUR), "list of sizes as shape"),
    "a_float": (file(entry(shape=(4.0,)), FOUR), "list of sizes as shape"),
    "a_truth": (file(entry(shape=(4, True)), FOUR), "list of sizes as shape"),
    "a_text": (file(entry(shape="4"), FOUR), "list of sizes as shape"),
    "many_axes": (file(entry(shape=[1] * 33), FOUR), "list of sizes as shape"),
    "overflow": (file(entry(shape=(2**32, 2**32)), FOUR), "declares the shape"),
    "giant": (file(entry("F32", (2**40,)), FOUR), "declares the shape"),
    "larger_than_its_offsets": (file(entry(shape=(5,)), FOUR), "declares the shape"),
    "backwards": (file(entry(shape=(0,), offsets=(4, 0)), FOUR), "declares the shape"),
    "offsets_of_one": (file(entry(offsets=(0,)), FOUR), "must have two data_offsets"),
    "past_the_end": (file(entry(shape=(9,), offsets=(0, 9)), FOUR), "take 9 bytes"),
    "gap_in_front": (file(entry(shape=(3,), offsets=(1, 4)), FOUR), "gaps"),
    "rest": (file(entry(shape=(3,), offsets=(0, 3)), FOUR), "take 3 bytes"),
    "overlap": (file({"a": GOOD, "b": GOOD}, FOUR), "overlap"),
    "long_name": (file({"n" * 5000: GOOD}, FOUR), "a name of 5,000"),
    "checksum": (file({"__metadata__": {"sha256": "0"}, **entry()}, FOUR), "checksum"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name, tmp_path):
    data, reason = HOSTILE[name]
    path = tmp_path / "harm.safetensors"
    path.write_bytes(data)
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    with refused(reason, path):
        model.load_weights(path)


def test_changed_byte_is_detected(tmp_path):
    path = tmp_path / "w.safetensors"
    model = stack(3)
    model.save_weights(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with refused("checksum is not the one recorded", path):
        model.load_weights(path)


# Weights of models.


def stack(*units: int, **options: Any) -> lamina.Sequential:
    return lamina.Sequential(
        [lamina.Input((4,)), *(layers.Dense(n, **options) for n in units)]
    )


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_are_named_by_their_paths(tmp_path):
    model = stack(3, 2)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "w.safetensors")
    found = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert list(found) and set(found) == {w.path for w in model.weights}
    for weight in model.weights:
        np.testing.assert_array_equal(found[weight.path], weight.numpy())


def tower(name: str | None = None) -> Any:
    """Layers of layers, state that is not trained, random state that is no weight."""

    class Tower(lamina.Model):
        def __init__(self) -> None:
            super().__init__(name=name)
            self.blocks = [
                lamina.Sequential([layers.Dense(3), layers.Dropout(0.5)])
                for _ in range(11)
            ]
            self.norm = layers.BatchNormalization()
            self.last = layers.Dense(2, name="last_1")

        def call(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.last(self.norm(x))

    model = Tower()
    model(np.ones((1, 4), "float32"))
    return model


@pytest.mark.parametrize("name", [None, "mine"])
def test_automatic_names_are_matched_by_order(name, tmp_path):
    """`dense_10` comes after `dense_9`, and both may be higher in another process."""
    model = tower()
    model.save_weights(tmp_path / "w.safetensors")
    other = tower(name)
    report = other.load_weights(tmp_path / "w.safetensors")
    assert len(report.loaded) == len(model.weights) and not report.mismatches
    assert_same(model, other)


def test_repeated_names_in_nested_models_are_numbered(tmp_path):
    def make() -> Any:
        x = lamina.Input((4,))
        inner = [
            lamina.Sequential([lamina.Input((4,)), layers.Dense(4, name="same")])
            for _ in range(2)
        ]
        return lamina.Model(x, inner[1](inner[0](x)))

    model, other = make(), make()
    model.save_weights(tmp_path / "w.safetensors")
    names = set(safetensors.numpy.load_file(tmp_path / "w.safetensors"))
    inside = [a.name for a in model.layers if a.weights]
    assert names == {f"{a}/same/{b}" for a in inside for b in ("kernel", "bias")}
    other.load_weights(tmp_path / "w.safetensors")
    assert_same(model, other)


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16", "float16"])
def test_the_type_of_weights_is_kept(policy, tmp_path):
    model, other = stack(3, dtype=policy), stack(3, dtype=policy)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert other.weights[0].dtype == model.weights[0].dtype
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_a_mismatch_is_one_table_and_changes_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    named_stack().save_weights(path)
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(5, name="hidden"),
            layers.Dense(3, name="more"),
            layers.Dense(2, name="out"),
        ]
    )
    before = model.get_weights()
    wrong = r"hidden/kernel +\(4, 5\) +\(4, 3\) +wrong shape"
    for options in ({}, {"strict": False}):
        with pytest.raises(FileFormatError, match=wrong):
            model.load_weights(path, **options)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    report = model.load_weights(path, skip_mismatch=True)
    assert report.missing == ["more/kernel", "more/bias"]
    assert report.wrong_shape == ["hidden/kernel", "hidden/bias"]
    assert report.loaded == ["out/kernel", "out/bias"]


# Weights of other programs.


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """As PyTorch names and turns the weights of two linear layers."""
    arrays = {
        "net.0.weight": np.arange(12, dtype="f4").reshape(3, 4),
        "net.0.bias": np.arange(3, dtype="f4"),
        "net.2.weight": np.arange(6, dtype="f4").reshape(2, 3),
        "net.2.bias": np.arange(2, dtype="f4"),
        "net.steps": np.array(7),
    }
    safetensors.numpy.save_file(arrays, tmp_path / "torch.safetensors")
    return tmp_path / "torch.safetensors"


def named_stack() -> Any:
    return lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(3, name="hidden"),
            layers.Dense(2, name="out"),
        ]
    )


TABLE = {
    "net.0.weight": ("hidden/kernel", (1, 0)),
    "net.0.bias": "hidden/bias",
    "net.2.weight": ("out/kernel", (1, 0)),
    "net.2.bias": "out/bias",
    "net.steps": None,
}


def by_rule(name: str) -> Any:
    _, layer, *kind = name.split(".")
    if layer == "steps":
        return None
    path = {"0": "hidden", "2": "out"}[layer]
    return (f"{path}/kernel", (1, 0)) if kind == ["weight"] else f"{path}/bias"


@pytest.mark.parametrize("name_map", [TABLE, by_rule])
def test_name_map_renames_foreign_weights(name_map, foreign):
    model = named_stack()
    report = model.load_weights(foreign, name_map=name_map)
    assert repr(report) == "4 variables loaded, all that model and file have"
    kernel = np.arange(12, dtype="f4").reshape(3, 4).T
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


BAD_MAPS = {
    "no_such_weight": ({**TABLE, "net.0.bias": "hiden/bias"}, "mean 'hidden/bias'"),
    "one_for_two": ({**TABLE, "net.2.bias": "hidden/bias"}, "maps both"),
    "no_axes": (
        {**TABLE, "net.0.weight": ("hidden/kernel", (1, 1))},
        "permutation of range",
    ),
    "no_name": ({**TABLE, "net.0.bias": 3}, "must map 'net.0.bias' to a name"),
    "of_three": ({**TABLE, "net.0.bias": ("a", (0,), 1)}, "must map"),
}


@pytest.mark.parametrize("name", BAD_MAPS)
def test_invalid_name_map_raises(name, foreign):
    name_map, reason = BAD_MAPS[name]
    with pytest.raises(ArgumentError, match=reason):
        named_stack().load_weights(foreign, name_map=name_map)


def test_weights_missing_from_name_map_are_reported(foreign):
    model = named_stack()
    part = {k: v for k, v in TABLE.items() if "2" not in k}
    with pytest.raises(FileFormatError, match=r"net\.2\.weight +- +\(2, 3\) +unexp"):
        model.load_weights(foreign, name_map=part)
    report = model.load_weights(foreign, name_map=part, strict=False)
    assert report.missing == ["out/kernel", "out/bias"]
    assert set(report.unexpected) == {"net.2.weight", "net.2.bias"}


def test_name_map_is_rejected_for_other_formats(tmp_path):
    stack(2).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ArgumentError, match="`name_map` is for"):
        stack(2).load_weights(tmp_path / "w.weights.h5", name_map=TABLE)
