"""`Buildable`: a layer's weights are created for the shapes of its inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from inspect import Parameter
from typing import Any

import jax

from lamina.core.module import Untracked, is_user_defined, overridable, signature
from lamina.core.scope import autocast, call_scope, local
from lamina.errors import ArgumentError, ArgumentTypeError
from lamina.layers.base.call_spec import CallSpec
from lamina.layers.base.input_checks import check_inputs
from lamina.layers.base.shapes import (
    as_tuples,
    call_names,
    shapes_of,
    takes_any_keyword,
)
from lamina.layers.base.spec import InputSpec
from lamina.layers.base.weights import WeightOwner
from lamina.typing import Config, PartialShape

_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Buildable(WeightOwner):
    """Part of `Layer` that builds: at the first call, by hand, or from a file."""

    input_spec: InputSpec | Sequence[InputSpec] | None = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        # Every `build` marks the layer as built, even if a user calls it directly or
        # a subclass does not call `super().build`.
        if "build" in vars(cls):
            cls.build = _wrap_build(vars(cls)["build"])

    @overridable
    def build(self, input_shape: PartialShape) -> None:
        """Create the weights for inputs of a shape; override as needed."""
        self._mark_built(input_shape)

    def _mark_built(self, *shapes: PartialShape, **named: object) -> None:
        self.built = True
        given = [*shapes, *named.values()]
        config = (
            {"input_shape": given[0]} if len(given) == 1 else {"shapes_dict": named}
        )
        self._build_config = Untracked(config)

    def _has_build(self) -> bool:
        return type(self).build is not Buildable.build

    def _check_and_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if "_first_call" not in vars(self):
            is_user = is_user_defined(type(self))  # lamina's layers build from shapes
            self._first_call = CallSpec.of(args, kwargs) if is_user else None
        if self.input_spec is not None and args:
            check_inputs(self, self.input_spec, args[0])
        has_shapes = self._has_build() or "_build_config" in vars(self)
        if self.built and has_shapes:
            return
        shapes = self._shapes_for(type(self).build, args, kwargs)
        # Weights have the variable type, not the compute type of an enclosing layer.
        with autocast(None):
            self.build(**shapes)
        self.built = True
        if self.input_spec is not None and args:
            check_inputs(self, self.input_spec, args[0])

    def _shapes_for(
        self,
        method: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> dict[str, Any]:
        """Return the shapes of a call's arguments as keywords for `method`.

        The only parameter of a method takes the first argument's shape; otherwise the
        parameter `x_shape` takes the shape of `x`.
        """
        names = list(signature(method).parameters)[1:]
        given = dict(zip(call_names(type(self)), args, strict=False)) | kwargs
        if len(names) == 1:
            first = args[0] if args else next(iter(kwargs.values()), None)
            return {names[0]: shapes_of(first)}
        self._check_shape_names(method.__name__, names)
        found = {n: given.get(n.removesuffix("_shape")) for n in names}
        self._check_required(method, found)
        return {n: shapes_of(v) for n, v in found.items() if v is not None}

    def _check_shape_names(self, method: str, names: Sequence[str]) -> None:
        known = [f"{name}_shape" for name in call_names(type(self))]
        unknown = [name for name in names if name not in known]
        if unknown and not takes_any_keyword(type(self)):
            raise ArgumentError(
                f"{type(self).__name__}.{method} has several arguments, including "
                f"`{unknown[0]}`. Each must be the name of an argument of `call` with "
                f"the suffix `_shape`: {', '.join(known)}."
            )

    def _check_required(self, method: Callable[..., Any], shapes: Config) -> None:
        for name, parameter in signature(method).parameters.items():
            if parameter.default is not parameter.empty or parameter.kind in _VARIADIC:
                continue
            if name in shapes and shapes[name] is None:
                raise ArgumentTypeError(
                    f"Layer {self.name!r} ({type(self).__name__}) was called without "
                    f"`{name.removesuffix('_shape')}`. Arguments with a shape: "
                    f"{', '.join(shapes).replace('_shape', '')}."
                )

    def get_build_config(self) -> Config | None:
        """Return the shapes that the layer was built with."""
        config = vars(self).get("_build_config", {})
        return None if config in ({}, {"shapes_dict": {}}) else dict(config)

    def build_from_config(self, config: Config | None) -> None:
        """Build with the shapes that `get_build_config` returned, if there are any."""
        if not config:
            return
        if config.get("input_shape") is not None:
            self.build(as_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**as_tuples(config["shapes_dict"]))


def _wrap_build(build: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(build)
    def wrapped(self: Any, *shapes: Any, **named: Any) -> None:
        # Sublayers get a path below this layer's, whoever calls `build`.
        inside = local.call is not None and local.call.path[-1:] == (self.name,)
        scope = nullcontext() if inside else call_scope(self.name, None)
        # Arrays that `build` computes outlive a program that calls it while traced.
        with scope, autocast(None), jax.ensure_compile_time_eval():
            build(self, *shapes, **named)
            _prefix_paths(self)
        self._mark_built(*shapes, **named)

    return wrapped


def _prefix_paths(layer: WeightOwner) -> None:
    """Prefix the paths of sublayers that were built alone, as from a file."""
    prefix = "/".join(local.call.path) if local.call else layer.name
    for inner in layer.sublayers():
        for weight in inner.weights:
            alone = weight.path.startswith(f"{inner.name}/")
            if alone and not weight.path.startswith(f"{prefix}/"):
                weight.path = f"{prefix}/{weight.path}"
