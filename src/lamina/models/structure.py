"""The layers, inputs and outputs of a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamina.core.graph import Node, SymbolicTensor
from lamina.core.module import Module, is_user_defined
from lamina.core.tracing.key_order import with_key_order
from lamina.data.host import HostFunction, host_arrays
from lamina.errors import ArgumentError, MissingAttributeError, did_you_mean
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph
from lamina.lazy import LazyImport
from lamina.models.graph_layers import input_layer
from lamina.tracebacks import filter_traceback
from lamina.training.checks.findings import Findings
from lamina.training.session import check_fit
from lamina.training.trainer import Trainer
from lamina.typing import Data, PyTree

if TYPE_CHECKING:
    from lamina.tuning.profiling import Profile

_profile = LazyImport("lamina.tuning.profiling:profile")
_report = LazyImport("lamina.report.write:report_model")
_probe = LazyImport("lamina.tuning.probe:probe")


class Structure(Trainer):
    """Base of `Model` with its layers, inputs and outputs."""

    _graph_layers: list[Layer]

    @property
    def layers(self) -> list[Layer]:
        """The direct layers of this model, from its inputs to its outputs."""
        if self.call_graph is not None:
            return list(self._graph_layers)
        return [m for m in self.children() if isinstance(m, Layer)]

    @property
    def operations(self) -> list[Module | Node]:
        """The inputs, layers and nodes of other operations of the graph, each once."""
        graph = self._known_graph("operations")
        inputs = [input_layer(tensor) for tensor in graph.input_leaves]
        return [*inputs, *graph.operations]

    @filter_traceback
    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or index.

        Raises:
            ArgumentError: there is no such layer.
        """
        return _find_layer(self, name, index)

    def _known_graph(self, what: str) -> CallGraph:
        if self.call_graph is None:
            raise MissingAttributeError(
                f"Model {self.name!r} has no {what} yet. Make the model from `Input` "
                "tensors, or build the Sequential first."
            )
        return self.call_graph

    def _host_function(self, x: PyTree = None) -> HostFunction | None:
        """Return the layers that data passes before a program, if there are any.

        Args:
            x: data, from which a Sequential without an input infers it.
        """
        graph = self.call_graph
        return None if graph is None else graph.host_stage

    def _on_host(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of a call, with the host layers applied to the first."""
        host = self._host_function(*args[:1])
        return args if host is None else (host(host_arrays(args[0])), *args[1:])

    def _called_graph(self) -> CallGraph | None:
        """Return the graph, unless a user's `call` replaces it."""
        return None if is_user_defined(type(self), "call") else self.call_graph

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Host layers cannot run within a call of a model: the outer model calls them.
        graph = self._called_graph()
        if graph is None or self._host_function() is None:
            return super()._record(args, kwargs)
        inputs = args[0] if args else kwargs["inputs"]
        return self._unpacked(graph.run(graph.match(inputs)))

    def _unpacked(self, outputs: Any) -> Any:
        """Return a graph's outputs in their order, or the only one without its list."""
        if not isinstance(outputs, (list, tuple, dict)):
            return outputs
        graph = self._called_graph()
        if graph is None:
            return outputs
        is_one = len(outputs) == 1 and not isinstance(outputs, dict)
        return outputs[0] if is_one else with_key_order(graph.outputs, outputs)

    def _infer_outputs(self, *args: Any, **kwargs: Any) -> Any:
        """Return the graph's outputs for inputs of the same shapes, or infer others.

        The outputs have sizes that only the layers know, by `compute_output_shape`.
        """
        graph = self._called_graph()
        flags = (v for v in (*args[1:], *kwargs.values()) if v is not None)
        if graph is not None and all(isinstance(v, bool) for v in flags):
            outputs = graph.outputs_for(args[0])
            if outputs is not None:
                return outputs
        return super()._infer_outputs(*args, **kwargs)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The input tensors of the graph."""
        return self._known_graph("inputs").input_leaves

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The output tensors of the graph."""
        return self._known_graph("outputs").output_leaves

    @property
    def input(self) -> Any:
        """The input tensors, in the structure that was passed."""
        return self._known_graph("input").inputs

    @property
    def output(self) -> Any:
        """The output tensors, in the structure that was passed."""
        return self._known_graph("output").outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of the shapes of several inputs."""
        return _shapes_of(self.inputs)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of the shapes of several outputs."""
        return _shapes_of(self.outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return self._known_graph("inputs").input_names

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs; `None` for a model without a graph."""
        return None if self.call_graph is None else self.call_graph.output_names

    @filter_traceback
    def report(
        self,
        path: str | os.PathLike[str],
        x: Data,
        y: Data | None = None,
        *,
        class_names: Sequence[str] | None = None,
    ) -> None:
        """Write an HTML page about the model and its predictions.

        It has the curves of the last `fit`, the layers, the findings of `check`, and
        predictions for `x` compared with `y`. `fit(report=path)` also shows how weights
        changed and where the time went.

        Args:
            path: path of the page, which ends in `.html`.
            x: inputs, as for `fit`.
            y: targets, if `x` is not an iterable of batches.
            class_names: names of the classes, for a classifier.

        Raises:
            ArgumentError: the path does not end in `.html`.
            StateError: the model is not compiled.
            SaveError: the page cannot be written.

        Example:
            >>> import pathlib, tempfile
            >>> path = pathlib.Path(tempfile.mkdtemp(), "model.html")
            >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> model.report(path, np.ones((8, 2)), np.ones(8))
            >>> path.is_file()
            True
        """
        write = _report.load()
        write(self, path, x, y, class_names)

    @filter_traceback
    def check(
        self,
        x: Data | None = None,
        y: Data | None = None,
        *,
        probe: bool = False,
        **arguments: object,
    ) -> Findings:
        """Look for mistakes in the model, the data and the arguments of `fit`.

        `fit` does the same before the first step. Nothing is trained; a model without
        weights yet gets them.

        Args:
            x: inputs, as for `fit`.
            y: targets, if `x` is not an iterable of batches.
            probe: whether to train on one batch for about a second as well, which
                shows units that are dead, gradients that vanish, or inputs that the
                model does not use. The model is restored, bit for bit.
            **arguments: other arguments of `fit`.

        Returns:
            The findings, the most severe first; an error that `fit` would raise is
            one of them.

        Raises:
            StateError: the model is not compiled.

        Example:
            >>> model = lamina.Sequential([Input((3,)), Dense(1, "softmax")])
            >>> model.compile("adam", "binary_crossentropy")
            >>> model.check(np.ones((2, 3)), np.ones((2, 1))).codes
            ['softmax-one-unit']
        """
        with self._training.running("check"):
            found = check_fit(
                self._training,
                lambda: self._fit_options(x=x, y=y, **{"check": "all", **arguments}),
            )
            if probe and not found.of("error"):
                found = Findings([*found, *_probed(self, x, y, arguments)])
        return found

    @filter_traceback
    def profile(
        self,
        x: Data,
        y: Data | None = None,
        sample_weight: Data | None = None,
        *,
        batch_size: int | None = None,
        steps: int = 10,
    ) -> Profile:
        """Measure time and memory of a training step by layer.

        The training step is compiled as one program, as in `fit`, with the names of
        the layers in it. JAX's profiler measures its operations on the device. The
        compiler fuses operations of neighboring layers: the time of a fused one is
        divided among them by the number of values that each computes, which is an
        estimate. On a CPU, operations run in several threads at once, so the sum over
        the layers may be larger than the step. Measurements on a busy computer vary:
        compare only what differs by much, and repeat with more `steps`. "saved" counts
        values that the forward pass stores for the backward pass, in the layer that
        computes them; the compiler may compute some again instead. The model is not
        changed.

        Args:
            x: inputs, as for `fit`; one batch of them is used.
            y: targets, as for `fit`.
            sample_weight: weight of each row.
            batch_size: rows per step; 32 by default.
            steps: number of steps that are measured.

        Returns:
            A table, which `print` and notebooks show; `layers` has its rows.

        Raises:
            StateError: the model is not compiled.
            ArgumentError: `steps` is not a positive integer.

        Example:
            >>> import numpy as np
            >>> import lamina
            >>> dense = lamina.layers.Dense(1, name="head")
            >>> model = lamina.Sequential([lamina.Input((2,)), dense])
            >>> model.compile("sgd", "mse")
            >>> table = model.profile(np.ones((32, 2)), np.ones(32))
            >>> [row.name for row in table.layers]
            ['head', '(loss)', '(optimizer, metrics)']
        """
        measure = _profile.load()
        return measure(self, x, y, sample_weight, batch_size, steps)


def _find_layer(model: Structure, name: str | None, index: int | None) -> Layer:
    found = model.layers
    if (name is None) == (index is None):
        raise ArgumentError(
            f"get_layer: give either `name` or `index`. Received: name={name!r}, "
            f"index={index}."
        )
    if index is not None:
        if not -len(found) <= index < len(found):
            raise ArgumentError(
                f"Model {model.name!r} has {len(found)} layers; there is none at index "
                f"{index}."
            )
        return found[index]
    for layer in found:
        if layer.name == name:
            return layer
    names = [layer.name for layer in found]
    raise ArgumentError(
        f"Model {model.name!r} has no layer {name!r}.{did_you_mean(name, names)} "
        f"Its layers are: {', '.join(names)}."
    )


def _probed(
    model: Structure, x: Data | None, y: Data | None, arguments: dict[str, Any]
) -> Findings:
    """Return the findings of training on one batch."""
    weight, size = arguments.get("sample_weight"), arguments.get("batch_size")
    return _probe.load()(model, x, y, weight, size)


def _shapes_of(tensors: list[SymbolicTensor]) -> Any:
    shapes = [tensor.shape for tensor in tensors]
    return shapes[0] if len(shapes) == 1 else shapes
