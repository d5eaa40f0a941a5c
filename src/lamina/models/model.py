"""`Model`: layers that are trained, evaluated and saved together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

import jax
import numpy as np
from jax.core import Tracer

from lamina.core.custom_objects import custom_object_scope
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import SymbolicTensor, infer, is_symbolic
from lamina.core.module import overridable, signature
from lamina.core.registry import serialize_once
from lamina.core.scope import local
from lamina.core.untrusted import untrusted_config
from lamina.core.variable import structure_version
from lamina.data.arrays import as_arrays
from lamina.errors import ArgumentError, StateError
from lamina.layers.base.call_graph import CallGraph
from lamina.layers.base.shapes import is_shape, shapes_of
from lamina.models.class_arguments import (
    other_arguments,
    takes_graph,
    user_arguments,
)
from lamina.models.graph_config import graph_config, graph_from_config
from lamina.models.graph_layers import infer_outputs, layers_of
from lamina.models.structure import Structure
from lamina.models.summary import notebook_table, print_summary
from lamina.runtime.compiled_function import CompiledFunction
from lamina.saving import LoadReport, load_weights, save_model, save_weights
from lamina.saving.keras_zip import prepare_model
from lamina.saving.named_weights import NameMap
from lamina.saving.weight_files import prepare_weights
from lamina.tracebacks import filter_traceback, shorten
from lamina.training.state import ModelFunctions, TrainingState
from lamina.typing import Config, PartialShape, PyTree
from lamina.value_errors import VALUE_ERRORS


class Model(Structure):
    """A model of layers, with methods to train, evaluate and save it.

    Call layers on `Input` tensors and pass inputs and outputs, or subclass and define
    `call`, or use `Sequential` for a plain sequence of layers.

    Args:
        inputs: tensors made by `Input`: one, a list or a dictionary.
        outputs: tensors computed from them.
        name: a unique name; made from the class's name when `None`.
        trainable: whether `fit` changes the weights.
        dtype: an element type or a `DTypePolicy`.

    Example:
        >>> from lamina import Input, Model, layers
        >>> inputs = Input((4,))
        >>> model = Model(inputs, layers.Dense(3, activation="softmax")(inputs))
        >>> model.output_shape
        (None, 3)
    """

    unsaved = (*Structure.unsaved, "_graph_layers")

    def __init__(
        self,
        inputs: PyTree = None,
        outputs: PyTree = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: PolicyLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, **kwargs)
        self._compiled_call: CompiledFunction | None = None
        self._built_version = -1
        functions = ModelFunctions(
            self._has_call, self._output_specs, self._program_state, self._host_function
        )
        self._training = TrainingState(self, functions)
        if (inputs is None) != (outputs is None):
            raise ArgumentError("Model: give both `inputs` and `outputs`, or neither.")
        if inputs is not None:
            self._set_graph(inputs, outputs)

    @filter_traceback
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        is_graph = cls is Model and (len(args) > 1 or "outputs" in kwargs)
        kind: Any = Functional if is_graph else cls
        return super().__new__(kind, *args, **kwargs)

    def _set_graph(self, inputs: PyTree, outputs: PyTree) -> CallGraph:
        graph = self.call_graph = CallGraph(inputs, outputs)
        self._graph_layers, self.built = layers_of(graph), True
        return graph

    @overridable
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Call the layers of the graph; a subclass defines its computation here."""
        if self.call_graph is None:
            raise StateError(
                f"Model {self.name!r} has no `call`. Define it in your subclass, or "
                "make the model from `inputs` and `outputs`."
            )
        return self.call_graph(inputs)

    def _has_call(self) -> bool:
        return self.call_graph is not None or type(self).call is not Model.call

    def __call__(self, *args: Any, **kwargs: Any) -> jax.Array | Any:
        is_array = not kwargs and len(args) == 1 and isinstance(args[0], np.ndarray)
        if not is_array and is_symbolic(args):
            return super().__call__(*args, **kwargs)
        values = () if is_array else jax.tree.leaves((args, kwargs))
        is_traced = any(isinstance(v, (SymbolicTensor, Tracer)) for v in values)
        if local.state is not None or is_traced:
            return self._unpacked(super().__call__(*args, **kwargs))
        try:
            return self._unpacked(self._call_compiled(args, kwargs))
        except (Exception, KeyboardInterrupt) as error:
            shorten(error)
            raise

    def _call_compiled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a compiled program, one for each set of shapes and flags."""
        static = {k: v for k, v in kwargs.items() if v is None or isinstance(v, bool)}
        arrays = {k: v for k, v in kwargs.items() if k not in static}
        args = tuple(as_arrays(a, "the input") for a in self._on_host(args))
        if not self._is_fully_built():
            with suppress(*VALUE_ERRORS):
                self._build_for(args, kwargs)
        if self._compiled_call is None:
            self._compiled_call = CompiledFunction(
                self._call_directly, self._program_state, lambda: True
            )
        # The program assigns the losses of this call at its end.
        vars(self)["_call_losses"] = []
        return self._compiled_call(args, arrays, **static)

    def _call_directly(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], **static: object
    ) -> Any:
        return super().__call__(*args, **kwargs, **static)

    def _output_specs(self, x: PyTree) -> Any:
        """Build the model for inputs of these shapes and return its outputs' shapes."""
        if self.call_graph is None:
            outputs = self._build_for((x,), {})
            if self.call_graph is None:
                return outputs
        self.call_graph.program.match(x)
        return self._unpacked(self.output)

    def _is_fully_built(self) -> bool:
        if self._built_version != structure_version():
            built = all(layer.built for layer in self.all_layers())
            self._built_version = structure_version() if built else -1
        return self._built_version != -1

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Create all weights, so that no program creates them while it is traced."""
        return infer_outputs(super().__call__, args, kwargs, self.run_eagerly)

    @filter_traceback
    @overridable
    def build(self, input_shape: PartialShape | None = None, **shapes: object) -> None:
        """Create all weights for inputs of a shape, with the batch axis.

        Args:
            input_shape: the shape of the first argument of `call`, or a tree of shapes.
            shapes: the shape of each of several inputs, as `mask_shape=...`.
        """
        given = {k.removesuffix("_shape"): s for k, s in shapes.items()}
        if self.call_graph is not None or not (given or input_shape is not None):
            return
        self.built |= type(self).build is not Model.build  # not to call that again
        try:
            self._call_on(input_shape, given, self.compute_dtype)
        except Exception:
            with suppress(Exception):  # the inputs may be integers, such as token ids
                self._call_on(input_shape, given, "int32")
                return
            self.built = False
            raise

    def _call_on(self, shape: object, named: dict[str, Any], dtype: str) -> None:
        args, kwargs = jax.tree.map(
            lambda s: SymbolicTensor(s, dtype),
            ((), named) if named else ((shape,), {}),
            is_leaf=is_shape,
        )
        infer(super().__call__, args, kwargs)

    def _shapes_for_build(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        names = list(signature(type(self).call).parameters)[1:]
        given = dict(zip(names, args, strict=False)) | kwargs
        tensors = {k: v for k, v in given.items() if jax.tree.leaves(shapes_of(v))}
        if len(tensors) > 1:
            return {f"{name}_shape": shapes_of(v) for name, v in tensors.items()}
        values = list(tensors.values())
        return {"input_shape": shapes_of(values[0])} if values else {}

    def _check_and_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if type(self).build is Model.build and not self.built:
            # The current call creates the weights of the layers that it calls.
            self._mark_built(**self._shapes_for_build(args, kwargs))
        super()._check_and_build(args, kwargs)

    @filter_traceback
    def summary(
        self,
        line_length: int | None = None,
        positions: object = None,
        print_fn: Callable[[str], None] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        *,
        kernels: bool = False,
        sharding: bool = False,
    ) -> None:
        """Print a table of layers, output shapes and numbers of parameters.

        Args:
            line_length: width of the table; the terminal's by default.
            positions: accepted for Keras's signature; widths follow the content.
            print_fn: called with the text instead of printing it.
            expand_nested: whether to show the layers of nested models.
            show_trainable: whether to show which layers are trainable.
            layer_range: names of the first and the last layer to show.
            kernels: whether to show the kernels that the ops of the layers use.
            sharding: whether to show which part of the weights each device holds or,
                inside a distribution, will hold.
        """
        given = locals()
        del given["self"], given["positions"]
        print_summary(self, **given)

    def __getstate__(self) -> dict[str, Any]:
        # A copy compiles its own programs. The structure version belongs to this
        # process too.
        fresh = {"_compiled_call": None, "_built_version": -1}
        state = super().__getstate__()
        return state | {k: v for k, v in fresh.items() if k in state}

    def _repr_html_(self) -> str:
        return notebook_table(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": notebook_table(self), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # Configuration and files

    def get_config(self) -> Config:
        """Return the graph as Keras writes it, or the constructor's arguments."""
        if self.call_graph is None or not takes_graph(type(self)):
            return super().get_config()
        head = {"name": self.name, "trainable": self.trainable}
        head |= graph_config(self.call_graph, self._graph_layers)
        return head | user_arguments(self)

    @classmethod
    @overridable
    @filter_traceback
    def from_config(
        cls, config: Config, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Return the model that `get_config` describes."""
        with (
            custom_object_scope(custom_objects),
            untrusted_config(config, f"The config of {cls.__name__}"),
        ):
            if "input_layers" not in config or not takes_graph(cls):
                return super().from_config(config)
            inputs, outputs = graph_from_config(config)
            return cls(inputs, outputs, **other_arguments(cls, config))

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as a JSON string; `kwargs` are passed to `json.dumps`."""
        return json.dumps(serialize_once(self), **kwargs)

    def saved_attributes(self) -> dict[str, Any]:
        """Return the attributes that files may hold, in Keras's order.

        Keras also stores layers under `layers`: all of a graph, and of a subclassed
        model those whose attributes come later in the alphabet.
        """
        saved = {**super().saved_attributes(), "layers": self.layers}
        is_first = self.call_graph is not None or self.is_sequential
        order = [n for n in ("layers",) if is_first]
        order += sorted(saved, key=lambda n: (n[:1] == "_", n))
        return {name: saved[name] for name in order}

    @filter_traceback
    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        include_optimizer: bool = True,
        **kwargs: object,
    ) -> None:
        """Write architecture, weights, compile arguments and optimizer to a file.

        Args:
            filepath: a path that ends in `.keras`, or in `.h5` for the layout of Keras
                2, which supports Sequential and functional models.
            overwrite: whether an existing file may be replaced.
            zipped: must not be false: a model is one file.
            include_optimizer: whether to write the compile arguments and the
                optimizer's state.
            kwargs: `save_format`, which must match the ending of `filepath`.
        """
        save_model(self, filepath, overwrite, zipped, include_optimizer, **kwargs)

    @filter_traceback
    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Write all weights to a file.

        Args:
            filepath: a path that ends in `.weights.h5`, or in `.safetensors` for
                weights by path, without the optimizer's state. Any other `.h5` file
                has weights by layer, as in Keras 2.
            overwrite: whether an existing file may be replaced.
            max_shard_size: must be `None`: weights are written to one file.
        """
        save_weights(self, filepath, overwrite, max_shard_size)

    def prepare_save(
        self, filepath: str | os.PathLike[str], weights_only: bool
    ) -> Callable[[], None]:
        """Return a function that writes the current state while training continues."""
        name = "save_weights" if weights_only else "save"
        if getattr(type(self), name) is not getattr(Model, name):
            # A user-defined method reads the model itself, so it must run now.
            getattr(self, name)(filepath, overwrite=True)
            return lambda: None
        return (prepare_weights if weights_only else prepare_model)(self, filepath)

    @filter_traceback
    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        strict: bool = True,
        name_map: NameMap | None = None,
        by_name: bool = False,
    ) -> LoadReport:
        """Read all weights from a file that `save_weights` or `save` wrote.

        Args:
            filepath: the file.
            skip_mismatch: whether to skip variables that are missing in the file or
                in the model, or whose shapes differ.
            strict: whether a variable missing in the file or in the model is an error.
            name_map: for a `.safetensors` file of another program: a dictionary or
                function from its names to names in this model. Instead of a name,
                `(name, axes)` also transposes the array, and `None` skips it.
            by_name: for an `.h5` file of an older Keras: whether to match layers by
                name and skip layers without a match.

        Returns:
            A report of the variables that were loaded or skipped.
        """
        return load_weights(self, filepath, skip_mismatch, strict, name_map, by_name)


class Functional(Model):
    """A model made of `inputs` and `outputs`, as `Model(inputs, outputs)` returns.

    Args:
        inputs: symbolic tensors: one, or a list or dictionary of them.
        outputs: symbolic tensors that depend on them, in any of these structures.

    Example:
        >>> x = lamina.Input((3,))
        >>> lamina.Functional(x, lamina.layers.Dense(1)(x)).output_shape
        (None, 1)
    """

    def __init__(
        self, inputs: PyTree, outputs: PyTree, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(inputs, outputs, name=name, **kwargs)
