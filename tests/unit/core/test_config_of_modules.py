"""`get_config` and `from_config` of a module, which no class has to write."""

from __future__ import annotations

import json

import pytest

from lamina.core.module import Hyperparameter, Module, hyperparameter_names
from lamina.core.registry import Registry, deserialize, serialize


class Part(Module):
    rate = Hyperparameter()

    def __init__(self, rate: float = 0.5, sizes: tuple[int, ...] = (1, 2)) -> None:
        self.rate, self.sizes = rate, sizes


class Whole(Module):
    def __init__(self, units: int, part: Part | None = None, **options: int) -> None:
        self.units, self.part, self.options = units, part, options


@pytest.fixture(autouse=True)
def registered():
    Registry("thing", "test.things").add(Part, Whole)


def test_defaults_are_written_in_the_order_of_the_signature():
    assert list(Part().get_config().items()) == [("rate", 0.5), ("sizes", (1, 2))]
    assert Whole(3, extra=1).get_config() == {"units": 3, "part": None, "extra": 1}


def test_config_has_current_hyperparameters():
    part = Part(0.1)
    part.rate = 0.2
    assert part.get_config()["rate"] == 0.2


def test_attribute_of_the_subclass_determines_whether_it_is_a_hyperparameter():
    class Constant(Part):
        rate = 0.5  # type: ignore[assignment]

    class Variable(Constant):
        rate = Hyperparameter()

    classes = Part, Constant, Variable
    assert [hyperparameter_names(c) for c in classes] == [("rate",), (), ("rate",)]
    assert Variable(0.1).get_config()["rate"] == 0.1


def test_nested_modules_are_restored_from_config():
    whole = Whole(3, Part(0.25, sizes=(4, 5)), extra=1)
    config = json.loads(json.dumps(serialize(whole)))
    assert config["config"]["part"]["class_name"] == "Part"
    restored = deserialize(config)
    assert restored.units == 3 and restored.options == {"extra": 1}
    assert (restored.part.rate, list(restored.part.sizes)) == (0.25, [4, 5])
    assert Whole.from_config(whole.get_config()).part.rate == 0.25
