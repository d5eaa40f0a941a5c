"""`Operation`: a computation that can be a node of a graph; base class of layers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Self

from lamina.core.graph import infer, is_symbolic, record, symbolic_leaves
from lamina.core.module import Module, accepted_names, overridable, resolve_name
from lamina.core.registry import deserialize
from lamina.core.scope import local
from lamina.core.tracing.remat import RematMode, remat
from lamina.errors import MissingAttributeError, MissingMethodError
from lamina.tracebacks import filter_traceback
from lamina.typing import Config


class Operation(Module):
    """Base class of computations without weights that graphs of models can contain.

    Override `call`. Called on symbolic tensors, an operation becomes a node of their
    graph.

    Args:
        name: a unique name; derived from the name of the class when `None`.

    Example:
        >>> class Scale(Operation):
        ...     def __init__(self, factor, name=None):
        ...         super().__init__(name)
        ...         self.factor = factor
        ...
        ...     def call(self, x):
        ...         return self.factor * x
        >>> Scale(2.0)(3.0)
        6.0
    """

    _remat_mode: RematMode | None = None

    def __init__(self, name: str | None = None) -> None:
        self.name = resolve_name(type(self), name)
        self._nodes: list[Any] = []
        if local.remat is not None:
            self._remat_mode = local.remat

    @filter_traceback
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or is_symbolic(kwargs.values()):
            return self.symbolic_call(*args, **kwargs)
        return self.rematerialized_call(self.call, *args, **kwargs)(*args, **kwargs)

    @overridable
    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass overrides this method."""
        raise MissingMethodError(
            f"{type(self).__name__} has no `call` method. Define "
            "`def call(self, inputs): ...` in the class."
        )

    def symbolic_call(self, *args: object, **kwargs: object) -> Any:
        """Add a node to the graph of symbolic inputs and return its outputs."""
        outputs = record(self, args, kwargs, spec=self.compute_output_spec)
        self._nodes.append(symbolic_leaves(outputs)[0].node)
        return outputs

    @overridable
    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape and type of the output for symbolic inputs."""
        return infer(self.call, args, kwargs)

    def rematerialized_call(
        self, layer_call: Callable[..., Any], *args: object, **kwargs: object
    ) -> Callable[..., Any]:
        """Return a function to call in place of `layer_call`.

        It recomputes values in the backward pass if the `RematScope` in which the
        object was created asks for it.

        Args:
            layer_call: usually `self.call`.
            *args: the arguments of the call, on which the size of its outputs depends.
            **kwargs: its keyword arguments.
        """
        mode = self._remat_mode
        if mode is None:
            return layer_call
        if mode.mode == "activations" and getattr(self, "activation", None):
            return self._with_remat_activation(layer_call)
        in_list = mode.mode == "list_of_layers" and self.name in mode.layer_names
        if mode.mode == "larger_than":
            outputs = symbolic_leaves(infer(layer_call, args, kwargs))
            size = sum(math.prod(tensor.shape) for tensor in outputs)  # type: ignore
            in_list = size > mode.output_size_threshold
        return remat(layer_call) if mode.mode == "full" or in_list else layer_call

    def _with_remat_activation(self, layer_call: Callable[..., Any]) -> Any:
        @functools.wraps(layer_call)
        def call(*args: object, **kwargs: object) -> Any:
            attributes, activation = vars(self), vars(self)["activation"]
            attributes["activation"] = remat(activation)
            try:
                return layer_call(*args, **kwargs)
            finally:
                attributes["activation"] = activation

        return call

    def _node(self, what: str) -> Any:
        if self._nodes:
            return self._nodes[0]
        raise MissingAttributeError(
            f"Layer {self.name!r} has not been called on a model's input yet, so it "
            f"has no {what}."
        )

    @property
    def input(self) -> Any:
        """The symbolic input of the first call in a graph, or the list of inputs."""
        inputs = self._node("inputs").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the first call in a graph, or the list of outputs."""
        outputs = symbolic_leaves(self._node("outputs").outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def get_config(self) -> Config:
        """Return the constructor's arguments and the name."""
        config = super().get_config()
        if "name" in accepted_names(type(self)):
            config["name"] = self.name
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Return an object made with the arguments that `get_config` returned."""
        policy = config.get("dtype") if isinstance(config, dict) else None
        if isinstance(policy, dict) and policy.get("class_name") == "DTypePolicy":
            # As in Keras, for classes that only take the names of types.
            config = {**config, "dtype": deserialize(policy).name}
        return super().from_config(config)
