"""Helpers around models."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import (
    activations,
    config,
    errors,
    layers,
    mixed_precision,
    preprocessing,
    utils,
)

ROOT = Path(__file__).parents[3]
SEQUENCES = [[1], [2, 3], [4, 5, 6], []]
PADDED = {
    "default": ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
    "post": ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6], [0, 0, 0]]),
    "cut in front": ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
    "cut behind": (
        {"maxlen": 2, "truncating": "post"},
        [[0, 1], [2, 3], [4, 5], [0, 0]],
    ),
    "value": ({"maxlen": 1, "value": -1}, [[1], [3], [6], [-1]]),
    "nothing": ({"maxlen": 0}, [[], [], [], []]),
}


@pytest.mark.parametrize("name", PADDED)
def test_padded_sequences(name: str) -> None:
    arguments, expected = PADDED[name]
    padded = utils.pad_sequences(SEQUENCES, **arguments)
    assert padded.dtype == np.int32
    assert padded.tolist() == expected


def test_padded_vectors() -> None:
    padded = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32")
    assert padded.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]


@pytest.mark.parametrize(
    ("sequences", "arguments", "words"),
    [
        ([1, 2], {}, "list of numbers"),
        (3, {}, "a list of sequences"),
        ([[[1, 2]], [[1, 2, 3]]], {}, r"\(2,\), \(3,\)"),
        ([[1]], {"padding": "both"}, "'pre' or 'post'"),
    ],
)
def test_invalid_sequences_are_not_padded(
    sequences: Any, arguments: Any, words: str
) -> None:
    with pytest.raises(errors.ArgumentError, match=words):
        utils.pad_sequences(sequences, **arguments)


@pytest.mark.parametrize(
    ("given", "packed"),
    [
        ((1, None, None), 1),
        (([1, 2], None, None), ([1, 2],)),
        ((1, 2, None), (1, 2)),
        ((1, 2, 3), (1, 2, 3)),
        ((1, None, 3), (1, None, 3)),
    ],
)
def test_parts_of_a_batch(given: Any, packed: Any) -> None:
    assert utils.pack_x_y_sample_weight(*given) == packed
    assert utils.unpack_x_y_sample_weight(packed) == given


def doubled(x: Any) -> Any:
    return 2 * x


def test_custom_objects_are_known_by_name() -> None:
    with utils.CustomObjectScope({"doubled": doubled}):
        assert activations.get("doubled") is doubled
    with pytest.raises(errors.UnknownNameError):
        activations.get("doubled")
    utils.get_custom_objects()["doubled"] = doubled
    assert activations.get("doubled") is doubled
    del utils.get_custom_objects()["doubled"]


def test_the_policy_of_new_layers_is_a_setting() -> None:
    assert config.dtype_policy() == mixed_precision.global_policy()
    assert config.dtype_policy().name == "float32"
    config.set_dtype_policy("mixed_bfloat16")
    assert layers.Dense(1).compute_dtype == "bfloat16"
    assert mixed_precision.dtype_policy().name == "mixed_bfloat16"
    config.set_dtype_policy(None)
    assert layers.Dense(1).compute_dtype == "float32"
    with pytest.raises(errors.ArgumentError):
        config.set_dtype_policy("mixed_float8")


def test_preprocessing_has_keras_names() -> None:
    assert preprocessing.sequence.pad_sequences([[1]], 2).tolist() == [[0, 1]]
    windows = preprocessing.timeseries_dataset_from_array(np.arange(4), None, 2)
    assert len(windows[0]) == 3


MISSING = [
    ("pydot", "plot", lambda: lamina.utils.model_to_dot(lamina.Sequential())),
    ("tensorboardX", "tensorboard", lambda: lamina.callbacks.TensorBoard()),
]


@pytest.mark.parametrize(("package", "extra", "use"), MISSING)
def test_a_missing_package_error_names_the_extra(package, extra, use, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda n: None if n == package else find(n)
    )
    with pytest.raises(errors.MissingPackageError, match=rf"lamina\[{extra}\]"):
        use()


def test_every_extra_that_is_offered_is_used():
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(offered["optional-dependencies"]) - {
        "test",
        "docs",
        "oracle",
        "bench",
        "gpu",
    }
    sources = "".join(p.read_text() for p in (ROOT / "src").rglob("*.py"))
    assert {e for e in extras if f"[{e}]" in sources or f'"{e}")' in sources} == extras


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: utils.to_categorical(x, 3), np.array([[0], [2]])),
        (utils.normalize, np.array([[3.0, 4.0], [0.0, 0.0]], "float32")),
        (lambda x: utils.normalize(x, axis=0, order=1), np.array([[3.0], [1.0]])),
    ],
    ids=["to_categorical", "normalize", "normalize_columns"],
)
def test_jax_arrays_stay_jax_arrays(function: Any, x: np.ndarray) -> None:
    expected = function(x)
    assert isinstance(expected, np.ndarray)
    for call in (function, jax.jit(function)):
        found = call(jnp.asarray(x))
        assert isinstance(found, jax.Array)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_number_of_classes_is_needed_in_a_program() -> None:
    with pytest.raises(errors.ArgumentError, match="num_classes"):
        jax.jit(utils.to_categorical)(jnp.array([0, 1]))
