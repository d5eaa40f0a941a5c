"""Configs of objects in the form of Keras 2."""

from __future__ import annotations

import pytest

import lamina
from lamina.errors import ArgumentError, UnknownNameError
from lamina.legacy.saving import deserialize_keras_object, serialize_keras_object


class Scale:
    def __init__(self, factor: float = 2.0, inner: object = None) -> None:
        self.factor, self.inner = factor, inner

    def get_config(self) -> dict:
        return {"factor": self.factor, "inner": self.inner}

    @classmethod
    def from_config(cls, config: dict) -> Scale:
        return cls(**config)


def test_objects_become_class_names_and_arguments() -> None:
    config = serialize_keras_object(Scale(3.0, lamina.regularizers.L1(0.5)))
    inner = {"class_name": "L1", "config": {"l1": 0.5}}
    assert config == {"class_name": "Scale", "config": {"factor": 3.0, "inner": inner}}
    back = deserialize_keras_object(config, {"Scale": Scale})
    assert (back.factor, back.inner) == (3.0, inner)
    assert serialize_keras_object(lamina.activations.relu) == "relu"
    assert serialize_keras_object(None) is deserialize_keras_object(None) is None


def test_names_are_found_in_the_tables() -> None:
    def other() -> None: ...

    tables = {"Scale": Scale, "f": len}, {"f": other}
    assert deserialize_keras_object("f", *tables) is other
    assert deserialize_keras_object("Scale", *tables).factor == 2.0
    assert deserialize_keras_object(other) is other
    with pytest.raises(UnknownNameError, match="Unknown shape: 'Scal'.*'Scale'"):
        deserialize_keras_object("Scal", *tables, printable_module_name="shape")
    with pytest.raises(ArgumentError, match="Pass a dictionary or a name"):
        deserialize_keras_object(3)
    with pytest.raises(ArgumentError, match="no `get_config`"):
        serialize_keras_object(3)


def test_registered_objects_are_found_in_any_table() -> None:
    find = lamina.saving.get_registered_object
    assert find("a", {"a": 1}, {"a": 2}) == 1
    assert find("a", module_objects={"a": 2}) == 2
    assert find("a") is None
