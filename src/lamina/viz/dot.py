"""Diagrams of models: layers as boxes, tensors as arrows, drawn by Graphviz."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.errors import ArgumentError, StateError, missing_package


class _BoxOptions(NamedTuple):
    """The contents of a box besides the layer's class."""

    name: bool
    shapes: bool
    dtype: bool
    activation: bool
    trainable: bool
    nested: bool


def model_to_dot(
    model: Any,
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
    shown = _BoxOptions(
        show_layer_names, show_shapes, show_dtype, show_layer_activations,
        show_trainable, expand_nested,
    )  # fmt: skip
    pydot = _pydot()
    graph = getattr(model, "_graph", None)
    if graph is None and not getattr(model, "built", False):
        raise StateError(
            f"Model {model.name!r} has no graph of layers to draw yet. Build the model "
            "first, or call it on data."
        )
    if subgraph:
        dot: Any = pydot.Cluster(graph_name=_id(model), label=model.name)
    else:
        dot = pydot.Dot("model", graph_type="digraph")
        dot.set("rankdir", rankdir)
        dot.set("dpi", dpi)
        dot.set("splines", splines)
        dot.set_node_defaults(shape="plain", fontname="Helvetica")
    if graph is None:
        dot.add_node(_box(pydot, model, [], shown))
    else:
        _fill(pydot, dot, graph, shown)
    return dot


def _pydot() -> Any:
    try:
        import pydot
    except ImportError:
        raise missing_package("pydot", "diagrams of models", "plot") from None
    return pydot


def _id(item: Any) -> str:
    return f"n{id(item)}"


def _fill(pydot: Any, dot: Any, graph: Any, shown: _BoxOptions) -> None:
    """Add the boxes and arrows of a model's graph to a pydot graph."""
    calls: dict[int, list[Node]] = {}
    owners: dict[int, Any] = {}
    for node in graph.nodes:
        owner = node.operation if node.operation in graph.layers else node
        calls.setdefault(id(owner), []).append(node)
        owners[id(owner)] = owner
    for tensor in graph.input_leaves:
        owners.setdefault(id(_source(tensor, graph)), _source(tensor, graph))
    for owner in owners.values():
        inner = getattr(owner, "_graph", None)
        if shown.nested and inner is not None:
            cluster = pydot.Cluster(graph_name=_id(owner), label=owner.name)
            _fill(pydot, cluster, inner, shown)
            dot.add_subgraph(cluster)
        else:
            dot.add_node(_box(pydot, owner, calls.get(id(owner), []), shown))
    for key, nodes in calls.items():
        for node in nodes:
            for i, tensor in enumerate(node.inputs):
                start = _output_box(_source(tensor, graph), shown)
                stop = _input_box(owners[key], i, shown)
                dot.add_edge(pydot.Edge(_id(start), _id(stop)))


def _source(tensor: SymbolicTensor, graph: Any) -> Any:
    """Return the layer or node that a tensor comes from."""
    node = tensor.node
    if node is None or tensor in graph.input_leaves:
        layers = (layer for layer in graph.layers if layer.name == tensor.name)
        return tensor.layer or next(layers, tensor)
    return node.operation if node.operation in graph.layers else node


def _input_box(owner: Any, index: int, shown: _BoxOptions) -> Any:
    """Return a layer, or the layer in an expanded model that receives an input."""
    graph = getattr(owner, "_graph", None) if shown.nested else None
    if graph is None:
        return owner
    source = _source(graph.input_leaves[index % len(graph.input_leaves)], graph)
    return _input_box(source, 0, shown)


def _output_box(owner: Any, shown: _BoxOptions) -> Any:
    """Return a layer, or the layer in an expanded model that makes its output."""
    graph = getattr(owner, "_graph", None) if shown.nested else None
    if graph is None:
        return owner
    return _output_box(_source(symbolic_leaves(graph.outputs)[0], graph), shown)


def _box(pydot: Any, owner: Any, nodes: Sequence[Node], shown: _BoxOptions) -> Any:
    kind = "function" if isinstance(owner, Node) else type(owner).__name__
    title = f"{owner.name} ({kind})" if shown.name else kind
    lines = [f"<b>{html.escape(title)}</b>"]
    activation = getattr(owner, "activation", None)
    if shown.activation and activation is not None:
        name = getattr(activation, "__name__", type(activation).__name__)
        lines.append(f"activation: {html.escape(name)}")
    outputs = nodes[0].outputs if nodes else getattr(owner, "output", None)
    if shown.shapes:
        if nodes:
            lines.append(f"input: {_shapes(nodes[0].inputs)}")
        lines.append(f"output: {_shapes(symbolic_leaves(outputs))}")
    if shown.dtype:
        types = dict.fromkeys(t.dtype for t in symbolic_leaves(outputs))
        lines.append(f"type: {', '.join(types)}")
    if shown.trainable and not isinstance(owner, Node) and owner.weights:
        lines.append("trained" if owner.trainable else "not trained")
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    table = '<table border="0" cellborder="1" cellspacing="0" cellpadding="6">'
    return pydot.Node(_id(owner), label=f"<{table}{rows}</table>>")


def _shapes(tensors: Sequence[Any]) -> str:
    return ", ".join(str(t.shape) for t in jax.tree.leaves(tensors)) or "?"


def plot_model(
    model: Any,
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
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi,
        False, show_layer_activations, show_trainable, splines,
    )  # fmt: skip
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
