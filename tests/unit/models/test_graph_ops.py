"""Functions in graphs, as configs and back."""

from __future__ import annotations

import functools
import json
import re

import jax
import numpy as np
import pytest

import lamina
from lamina import activations, ops
from lamina.core.graph import op
from lamina.errors import ArgumentError, FileFormatError
from lamina.models.graph_ops import KERAS_CLASSES, op_config, op_from_config
from tests.tables.arrays import floats
from tests.tables.graphs import GRAPHS
from tests.tables.ops import CASES

PLAIN = [c for c in CASES if not any(map(callable, jax.tree.leaves(c.args)))]


def computation(function, args, kwargs):
    """Return the program of a call and its constants, or its result if it has none."""
    call = functools.partial(function, *args, **kwargs)
    try:
        program = jax.make_jaxpr(call)()
    except ArgumentError:  # a shape depends on values
        return "", jax.tree.leaves(call())
    return re.sub("0x[0-9a-f]+", "", str(program)), program.consts


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.label)
def test_an_op_survives_its_config(case):
    function = getattr(ops, case.name)
    entry, (args, kwargs) = op_config("x", function, (list(case.args), case.kwargs))
    again = op_from_config(json.loads(json.dumps(entry)))
    program, arrays = computation(again, args, kwargs)
    expected, expected_arrays = computation(function, case.args, case.kwargs)
    assert program == expected
    for one, other in zip(arrays, expected_arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_keras_classes_are_of_public_functions():
    assert set(KERAS_CLASSES) <= set(ops.__all__)
    assert KERAS_CLASSES["expand_dims"] == ("keras.src.ops.numpy", "ExpandDims")


WITH_OPS = [c for c in GRAPHS if c.name in ("arithmetic", "shapes", "functions")]


@pytest.mark.parametrize("case", WITH_OPS, ids=lambda case: case.name)
def test_a_graph_of_functions_survives_json(case):
    model = case.make(lamina)
    twin = lamina.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    pairs = zip(model(case.x), twin(case.x), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_user_function_is_not_an_op():
    @op
    def custom_op(x):
        return x + 1

    x = lamina.Input((3,))
    with pytest.raises(
        ArgumentError, match="'custom_op', which is not a function of `lamina"
    ):
        lamina.Model(x, custom_op(x)).to_json()


def entry(name, config, module="keras.src.ops.numpy"):
    return {"module": module, "class_name": name, "config": config}


REFUSED = [
    (entry("Getattr", {}), "'Getattr' of 'keras.src.ops.numpy'"),
    (entry("Add", {}, "keras.src.ops.core"), "'Add' of 'keras.src.ops.core'"),
    (entry("Op", {"function": "exec"}, "lamina.ops"), "'exec'"),
    (entry("Op", {"function": "linalg"}, "lamina.ops"), "'linalg'"),
    (entry("Op", {"function": ["add"]}, "lamina.ops"), "not a lamina op"),
    (entry("Mean", {"swing": 3}), "the option 'swing'"),
]


@pytest.mark.parametrize(("config", "reason"), REFUSED, ids=lambda v: str(v)[:40])
def test_unknown_ops_are_refused(config, reason):
    with pytest.raises(FileFormatError, match=reason):
        op_from_config(config)


def test_op_called_on_too_many_values_is_refused():
    with pytest.raises(FileFormatError, match="'add' on too many values"):
        op_from_config(entry("Add", {}))(1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("name", "args", "written", "config"),
    [
        ("log1p", ["x"], "Log1p", {}),
        ("deg2rad", ["x"], "Deg2rad", {}),
        ("isclose", ["x", "x", 0.1, 0.2], "Isclose", {}),
        ("allclose", ["x", "x"], "AllClose", {"rtol": 0.1}),
        ("rot90", ["x"], "Rot90", {"k": 1, "axes": [0, 1]}),
        ("stop_gradient", ["x"], "StopGradient", {}),
    ],
)
def test_operations_of_keras(name, args, written, config):
    """Their names, and what stands in the call, as Keras 3.15.1 writes them."""
    x = floats(2, 2)
    module = KERAS_CLASSES[name][0]
    call = [x if a == "x" else a for a in args]
    again = op_from_config(entry(written, config, module))
    options = {k: tuple(v) if k == "axes" else v for k, v in config.items()}
    np.testing.assert_array_equal(again(*call), getattr(ops, name)(*call, **options))
    back, (kept, _) = op_config("x", getattr(ops, name), (call, config))
    assert (back["class_name"], len(kept)) == (written, len(args))


@pytest.mark.parametrize(
    ("name", "options", "written"),
    [
        ("relu", {}, "ReLU"),
        ("relu", {"negative_slope": 0.1, "max_value": 2.0}, "ReLU"),
        ("gelu", {}, "Gelu"),
        ("exponential", {}, "Exp"),
        ("elu", {"alpha": 0.5}, "Elu"),
    ],
)
def test_activations_of_symbolic_tensors_are_written_as_in_keras(
    name, options, written
):
    x = lamina.Input((3,))
    model = lamina.Model(x, getattr(activations, name)(x, **options))
    config = model.get_config()
    assert config["layers"][-1]["class_name"] == written
    again = lamina.Model.from_config(config)
    np.testing.assert_array_equal(again(floats(2, 3)), model(floats(2, 3)))
