"""Diagrams of models: layers as boxes, tensors as arrows, drawn by Graphviz."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.errors import ArgumentError, StateError, missing_package
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.training.trainer import Trainer


def model_to_dot(
    model: Trainer,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Convert a model to a pydot graph; needs the extra `plot`.

    Args:
        model: a built model.
        show_shapes: whether boxes have the shapes of inputs and outputs.
        show_dtype: whether boxes have the outputs' types.
        show_layer_names: whether boxes have the layers' names.
        rankdir: direction of arrows: "TB" down, "LR" to the right.
        expand_nested: whether to show the layers of nested models.
        dpi: resolution of the image in dots per inch.
        subgraph: whether to return a cluster for another graph.
        show_layer_activations: whether boxes have the layers' activations.
        show_trainable: whether boxes say whether layers are trainable.
        splines: Graphviz's style of arrows.

    Raises:
        StateError: the model is not built.
        MissingPackageError: pydot is not installed.
    """
    try:
        import pydot
    except ImportError:
        raise missing_package("pydot", "diagrams of models", "plot") from None
    graph = graph_of(model)
    if graph is None and not model.built:
        raise StateError(
            f"Model {model.name!r} has no graph of layers to draw yet. Build the model "
            "first, or call it on data."
        )
    if subgraph:
        dot: Any = pydot.Cluster(graph_name=_id(model), label=model.name)
    else:
        options = {"rankdir": rankdir, "dpi": dpi, "splines": splines}
        dot = pydot.Dot("model", graph_type="digraph", **options)
        dot.set_node_defaults(shape="plain", fontname="Helvetica")
    shown = {
        "name": show_layer_names,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "activation": show_layer_activations,
        "trainable": show_trainable,
        "nested": expand_nested,
    }
    diagram = _Diagram(pydot, {name for name, is_shown in shown.items() if is_shown})
    if graph is None:
        dot.add_node(diagram.box(model, []))
    else:
        diagram.fill(dot, graph)
    return dot


def _id(item: object) -> str:
    return f"n{id(item)}"


class _Diagram(NamedTuple):
    """The module pydot, and the options that are on."""

    pydot: Any
    shown: set[str]

    def fill(self, dot: Any, graph: CallGraph) -> None:
        """Add the boxes and arrows of a model's graph to a pydot graph."""
        calls: dict[int, list[Node]] = {}
        owners: dict[int, Any] = {}
        for node in graph.nodes:
            owner = _owner(node)
            calls.setdefault(id(owner), []).append(node)
            owners[id(owner)] = owner
        for tensor in graph.input_leaves:
            source = _source(tensor, graph)
            owners.setdefault(id(source), source)
        for owner in owners.values():
            inner = self._inner(owner)
            if inner is not None:
                cluster = self.pydot.Cluster(graph_name=_id(owner), label=owner.name)
                self.fill(cluster, inner)
                dot.add_subgraph(cluster)
            else:
                dot.add_node(self.box(owner, calls.get(id(owner), [])))
        for node in graph.nodes:
            for i, tensor in enumerate(node.inputs):
                start = self._output_box(_source(tensor, graph))
                stop = self._input_box(_owner(node), i)
                dot.add_edge(self.pydot.Edge(_id(start), _id(stop)))

    def _inner(self, owner: object) -> CallGraph | None:
        """Return the graph of a model that is shown expanded."""
        return graph_of(owner) if "nested" in self.shown else None

    def _input_box(self, owner: object, index: int) -> object:
        """Return a layer, or the layer in an expanded model that receives an input."""
        graph = self._inner(owner)
        if graph is None:
            return owner
        tensor = graph.input_leaves[index % len(graph.input_leaves)]
        return self._input_box(_source(tensor, graph), 0)

    def _output_box(self, owner: object) -> object:
        """Return a layer, or the layer in an expanded model that makes its output."""
        graph = self._inner(owner)
        if graph is None:
            return owner
        return self._output_box(_source(graph.output_leaves[0], graph))

    def box(self, owner: Any, nodes: Sequence[Node]) -> Any:
        """Return the box of a layer or function that `nodes` call."""
        is_layer = isinstance(owner, Layer)
        kind = "function" if isinstance(owner, Node) else type(owner).__name__
        title = f"{owner.name} ({kind})" if "name" in self.shown else kind
        lines = [f"<b>{html.escape(title)}</b>"]
        activation = getattr(owner, "activation", None)
        if "activation" in self.shown and activation is not None:
            name = getattr(activation, "__name__", type(activation).__name__)
            lines.append(f"activation: {html.escape(name)}")
        outputs = symbolic_leaves(
            nodes[0].outputs if nodes else getattr(owner, "output", None)
        )
        if "shapes" in self.shown:
            if nodes:
                lines.append(f"input: {_shapes(nodes[0].inputs)}")
            lines.append(f"output: {_shapes(outputs)}")
        if "dtype" in self.shown:
            types = dict.fromkeys(t.dtype for t in outputs)
            lines.append(f"type: {', '.join(types)}")
        if "trainable" in self.shown and is_layer and owner.weights:
            lines.append("trained" if owner.trainable else "not trained")
        rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
        table = '<table border="0" cellborder="1" cellspacing="0" cellpadding="6">'
        return self.pydot.Node(_id(owner), label=f"<{table}{rows}</table>>")


def _owner(node: Node) -> Node | Layer:
    """Return the layer that a node calls, or the node itself for a function."""
    return node.operation if isinstance(node.operation, Layer) else node


def _source(tensor: SymbolicTensor, graph: CallGraph) -> object:
    """Return the layer or node that a tensor comes from."""
    if tensor.node is None or tensor in graph.input_leaves:
        return tensor.layer or tensor
    return _owner(tensor.node)


def _shapes(tensors: Sequence[SymbolicTensor]) -> str:
    return ", ".join(str(t.shape) for t in tensors) or "?"


def plot_model(
    model: Trainer,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model to a file; needs the extra `plot` and the program Graphviz.

    Args:
        model: a built model.
        to_file: path of the image; its extension determines the format. `.dot` is
            the diagram as text, which does not need Graphviz.
        show_shapes: whether boxes have the shapes of inputs and outputs.
        show_dtype: whether boxes have the outputs' types.
        show_layer_names: whether boxes have the layers' names.
        rankdir: direction of arrows: "TB" down, "LR" to the right.
        expand_nested: whether to show the layers of nested models.
        dpi: resolution of the image in dots per inch.
        show_layer_activations: whether boxes have the layers' activations.
        show_trainable: whether boxes say whether layers are trainable.
        splines: Graphviz's style of arrows.

    Returns:
        The image in a notebook, otherwise `None`.

    Raises:
        ArgumentError: the extension is not an image format.
        StateError: the model is not built, or Graphviz is not installed.
        MissingPackageError: pydot is not installed.
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    path = Path(to_file)
    kind = path.suffix.removeprefix(".").lower() or "png"
    if kind == "dot":
        path.write_text(dot.to_string(), encoding="utf-8")
        return None
    if kind not in dot.formats:
        raise ArgumentError(
            f"plot_model: `to_file` must end in '.png', '.svg', '.pdf' or another "
            f"image format of Graphviz. Received: {str(to_file)!r}."
        )
    try:
        dot.write(path, format=kind)
    except (OSError, AssertionError) as error:
        raise StateError(
            f"{str(path)!r} was not drawn: {str(error).rstrip('.')}. Install Graphviz "
            "from https://graphviz.org/download, or write a '.dot' file, which does "
            "not need it."
        ) from None
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() and kind in ("png", "jpg", "jpeg"):
        from IPython.display import Image  # pyright: ignore[reportMissingImports]

        return Image(filename=os.fspath(path))
    return None
