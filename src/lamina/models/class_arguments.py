"""Constructor arguments of users' classes whose models are made from a graph."""

from __future__ import annotations

from inspect import Parameter
from typing import Any

from lamina.core.graph import symbolic_leaves
from lamina.core.module import accepted_names, is_user_defined, signature
from lamina.core.registry import deserialize, serialize
from lamina.layers import Layer
from lamina.models.graph_config import ORDERED
from lamina.typing import Config

_GRAPH = ("layers", "input_layers", "output_layers", ORDERED)
_COMMON = ("name", "trainable")


def takes_graph(cls: type) -> bool:
    """Return whether a class is called with inputs and outputs, as Keras decides it."""
    parameters = list(signature(cls.__init__).parameters.values())[1:]
    if [p.name for p in parameters[:2]] == ["inputs", "outputs"]:
        return True
    kinds = {p.kind for p in parameters}
    return {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD} <= kinds


def user_arguments(model: Layer) -> Config:
    """Return the arguments that a class without its own `get_config` adds."""
    cls = type(model)
    if not is_user_defined(cls) or is_user_defined(cls, "get_config"):
        return {}
    given = model.constructor_arguments().items()
    return {
        name: serialize(value)
        for name, value in given
        if name not in _COMMON and not symbolic_leaves(value)
    }


def other_arguments(cls: type, config: Config) -> dict[str, Any]:
    """Return the arguments in a config that are not about the graph."""
    known = accepted_names(cls)
    # `trainable` is an argument because setting it later would unfreeze frozen layers.
    common = {"name": config.get("name"), "trainable": config.get("trainable", True)}
    others = {k: v for k, v in config.items() if k not in (*_GRAPH, *_COMMON)}
    return {
        **{k: v for k, v in common.items() if k in known},
        **{k: deserialize(v) for k, v in others.items()},
    }
