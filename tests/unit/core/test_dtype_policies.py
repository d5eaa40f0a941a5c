"""Dtype policies: names, configs, and maps from paths of layers to policies."""

from __future__ import annotations

import copy
import pickle

import jax
import numpy as np
import pytest

import lamina
from lamina import dtype_policies, layers
from lamina.dtype_policies import DTypePolicy, DTypePolicyMap
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError


def test_policy_without_a_name_is_the_global_one():
    lamina.config.set_dtype_policy("mixed_bfloat16")
    assert DTypePolicy().name == "mixed_bfloat16"
    assert dtype_policies.get(None) == DTypePolicy("mixed_bfloat16")


@pytest.mark.parametrize("name", [123, np.float32, ["float32"]])
def test_name_must_be_a_string(name):
    with pytest.raises(ArgumentTypeError, match="must be a string"):
        DTypePolicy(name)


def policies():
    return DTypePolicyMap(
        "float32", {"block/inner": "mixed_bfloat16", "b.*": "float16"}
    )


@pytest.mark.parametrize("policy", [DTypePolicy("mixed_float16"), policies()], ids=repr)
def test_policy_survives_config_pickle_and_copy(policy):
    config = dtype_policies.serialize(policy)
    for other in (
        dtype_policies.deserialize(config),
        dtype_policies.get(config),
        pickle.loads(pickle.dumps(policy)),
        copy.deepcopy(policy),
        copy.copy(policy),
    ):
        assert other == policy
        assert repr(other) == repr(policy)


def test_float_policy_of_keras_files_is_a_policy():
    config = {"class_name": "FloatDTypePolicy", "config": {"name": "float16"}}
    assert dtype_policies.deserialize(config) == DTypePolicy("float16")
    with pytest.raises(ArgumentError, match="QuantizedDTypePolicy"):
        dtype_policies.get({"class_name": "QuantizedDTypePolicy", "config": {}})
    with pytest.raises(ArgumentError, match="dtype policy"):
        dtype_policies.deserialize("float16")


def test_map_prefers_the_exact_key():
    found = policies()
    found["block"] = "float64"
    assert found["block/inner"].name == "mixed_bfloat16"
    assert found["block/other"].name == "float16"
    assert found["encoder"] is found.default_policy
    assert "block/other" not in found
    assert len(found) == 3
    assert list(found) == ["block/inner", "b.*", "block"]
    del found["block"]
    assert found.pop("b.*").name == "float16"
    with pytest.raises(KeyError):
        found.pop("b.*")


def test_map_refuses_ambiguous_paths():
    found = policies()
    found["block/.*"] = "float32"
    with pytest.raises(ArgumentError, match="several keys"):
        found["block/other"]
    with pytest.raises(ArgumentError, match="already has the key"):
        found["b.*"] = "float32"
    for key in ("(a+)+", "[", 3):
        with pytest.raises(ArgumentError, match="key"):
            found[key] = "float32"
    for value in (found, 123):
        with pytest.raises(ArgumentError):
            found["c"] = value
        with pytest.raises((ArgumentError, ArgumentTypeError)):
            DTypePolicyMap(policy_map=value)
    with pytest.raises(ArgumentError, match="default_policy"):
        DTypePolicyMap(found)


def test_slow_expressions_in_a_file_are_refused():
    config = dtype_policies.serialize(DTypePolicyMap())
    config["config"]["policy_map"] = {"(a+)+b": "float32"}
    with pytest.raises((ArgumentError, FileFormatError), match="regular expressions"):
        dtype_policies.deserialize(config)


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(2, dtype=self.dtype_policy, name="inner")
        self.outer = layers.Dense(2, dtype=self.dtype_policy, name="outer")

    def call(self, inputs):
        return self.outer(self.inner(inputs))


def test_layers_follow_the_map_by_path(tmp_path):
    inputs = lamina.Input((3,))
    outputs = Block(dtype=policies(), name="block")(inputs)
    model = lamina.Model(inputs, outputs)
    model.save(tmp_path / "m.keras")
    objects = {"Block": Block}
    for each in (model, lamina.saving.load_model(tmp_path / "m.keras", objects)):
        block = each.layers[1]
        assert block.inner.path == "block/inner"
        assert block.inner.compute_dtype == "bfloat16"
        assert block.inner.quantization_mode is None
        assert block.inner.kernel.dtype == "float32"
        assert block.outer.kernel.dtype == "float16"


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.0], "float32"),
        ([1], "int32"),
        ([True], "bool"),
        ([1j], "complex64"),
        (np.ones(1, "float16"), "float16"),
    ],
)
def test_variable_has_the_dtype_of_its_value(value, dtype):
    assert lamina.Variable(value).dtype == dtype


def test_policy_converts_floats_to_arrays_of_a_type():
    policy = DTypePolicy("mixed_float16")
    half = policy.convert_input(np.ones(2, "float32"), True, "float16")
    assert isinstance(half, jax.Array) and half.dtype == "float16"
    single = policy.convert_input(np.ones(2, "float32"), False, "float16")
    assert single.dtype == "float32"
    assert policy.convert_input(np.ones(2, "int8"), True, "float16").dtype == "int8"
    symbolic = policy.convert_input(lamina.Input((2,)), True, "float16")
    assert (symbolic.shape, symbolic.dtype) == ((None, 2), "float16")
    assert policy.convert_input("text", True, "float16") == "text"
