"""Values that configs hold, and names that they refer to."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lamina import layers, losses, saving
from lamina.core.registry import deserialize, serialize
from lamina.errors import FileFormatError

VALUES = [
    b"bytes",
    np.float32(1.0),
    slice(None, 20, 1),
    ...,
    {"a": [True, None, "text"]},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_survives_json(value):
    assert deserialize(json.loads(json.dumps(serialize(value)))) == value


def test_slice_of_arrays_survives_json():
    value = slice(None, np.array([0, 1]), 1)
    restored = deserialize(json.loads(json.dumps(serialize(value))))
    np.testing.assert_array_equal(restored.stop, value.stop)


@pytest.mark.parametrize("name", [None, "", "Dense"])
def test_library_class_may_name_itself_as_registered(name):
    config = {**serialize(layers.Dense(1)), "registered_name": name}
    assert type(deserialize(config)) is layers.Dense


def test_registered_name_is_that_of_the_class_alone():
    @saving.register_keras_serializable("mine", "Other")
    class Registered(layers.Dense):
        pass

    class Derived(Registered):
        pass

    assert saving.get_registered_name(Registered) == "mine>Other"
    assert saving.get_registered_name(Derived) == "Derived"


def test_library_objects_are_not_registered_under_other_names():
    config = {**serialize(layers.Dense(1)), "registered_name": "os.system"}
    with pytest.raises(FileFormatError, match="registered_name"):
        deserialize(config)
    function = {"module": "builtins", "class_name": "function", "config": "poisson"}
    for name in (None, "function", "poisson"):
        assert deserialize({**function, "registered_name": name}) is losses.poisson
    with pytest.raises(FileFormatError, match="registered_name"):
        deserialize({**function, "registered_name": "other"})


def test_functions_of_keras_3_6_files_are_found_without_their_package():
    @saving.register_keras_serializable("package_of_test")
    def square_of_test(x):
        return x * x

    for name in ("square_of_test", "package_of_test>square_of_test"):
        config = {"class_name": "function", "config": name}
        assert deserialize(config) is square_of_test


def test_self_containing_container_ends_the_walk():
    layer = layers.Dense(2)
    layer.blocks = [layers.Dense(3)]
    layer.blocks.append(layer.blocks)
    layer.build((None, 2))
    assert len(layer.weights) == 2
    assert layer.sublayers() == [layer.blocks[0]]


def test_config_of_a_stack_needs_configs_of_layers():
    config = serialize(layers.Dense(1))
    stack = {"module": "keras", "class_name": "Sequential"}
    with pytest.raises(FileFormatError, match="'config'"):
        deserialize({**stack, "config": {"name": "a", "layers": [config, {}]}})


def test_names_of_module_objects_are_called_and_others_returned():
    """As in Keras, custom objects are returned as they are."""

    def double(x):
        return 2 * x

    table = {"list": list, "double": double}
    assert deserialize("list", module_objects=table) == []
    assert deserialize("double", module_objects=table) is double
    assert deserialize("list", table, module_objects=table) is list
    assert deserialize("other", module_objects=table) == "other"
