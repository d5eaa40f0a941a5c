"""`Config`."""

from __future__ import annotations

import pytest

from lamina.utils import Config


def test_values_are_items_and_attributes() -> None:
    config = Config(rate=0.1)
    config.seed = 1
    config["name"] = "a"
    assert config.as_dict() == {"rate": 0.1, "seed": 1, "name": "a"}
    assert list(config.keys()) == list(config) == ["rate", "seed", "name"]
    assert (config.get("none", 3), config.pop("seed"), len(config)) == (3, 1, 2)
    config.update(rate=0.2)
    assert config.rate == config["rate"] == 0.2 and "name" in config
    assert config.to_json() == '{"rate": 0.2, "name": "a"}'
    assert repr(config) == "<Config {'rate': 0.2, 'name': 'a'}>"
    del config["name"]
    assert dict(config) == {"rate": 0.2}


def test_frozen_values_cannot_be_changed() -> None:
    config = Config(rate=0.1)
    config.freeze()
    assert config.frozen
    for change in (
        lambda: setattr(config, "rate", 1),
        lambda: config.update(rate=1),
        lambda: config.pop("rate"),
        lambda: config.__delitem__("rate"),
    ):
        with pytest.raises(ValueError, match="is frozen"):
            change()
    config.unfreeze()
    config.rate = 1
    assert config.rate == 1


def test_unknown_values_get_a_hint() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'momentum'"):
        _ = Config(momentum=0.9).momentun
    with pytest.raises(AttributeError, match="is a method"):
        Config().freeze = 3
