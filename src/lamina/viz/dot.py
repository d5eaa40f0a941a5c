"""A model as a diagram: layers as boxes, tensors as arrows, drawn by Graphviz."""

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

__all__ = ["model_to_dot", "plot_model"]


class _Shown(NamedTuple):
    """What a box says besides the layer's class."""

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
    """A model as a graph of pydot's, which needs the extra `plot`.

    Args:
        model: a model whose layers are wired.
        show_shapes: whether boxes say the shapes of inputs and outputs.
        show_dtype: whether they say the outputs' types.
        show_layer_names: whether they say the layers' names.
        rankdir: where arrows lead: "TB" down, "LR" to the right.
        expand_nested: whether to show the layers of models inside.
        dpi: dots an inch of the picture.
        subgraph: whether to return a cluster for another graph.
        show_layer_activations: whether boxes say the layers' activations.
        show_trainable: whether they say whether the layers are trained.
        splines: how arrows are drawn.

    Raises:
        StateError: the model's layers are not wired yet.
        MissingPackageError: pydot is not installed.
    """
    shown = _Shown(
        show_layer_names, show_shapes, show_dtype, show_layer_activations,
        show_trainable, expand_nested,
    )  # fmt: skip
    pydot = _pydot()
    graph = getattr(model, "_graph", None)
    if graph is None and not getattr(model, "built", False):
        raise StateError(
            f"Model {model.name!r} has no layers wired yet, so there is nothing to "
            "draw. Build it, or call it on data, first."
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


def _fill(pydot: Any, dot: Any, graph: Any, shown: _Shown) -> None:
    """Add the boxes and arrows of a model's graph."""
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
                start = _end(_source(tensor, graph), shown)
                stop = _begin(owners[key], i, shown)
                dot.add_edge(pydot.Edge(_id(start), _id(stop)))


def _source(tensor: SymbolicTensor, graph: Any) -> Any:
    """The box that a tensor comes from."""
    node = tensor.node
    if node is None or tensor in graph.input_leaves:
        layers = (layer for layer in graph.layers if layer.name == tensor.name)
        return tensor.layer or next(layers, tensor)
    return node.operation if node.operation in graph.layers else node


def _begin(owner: Any, number: int, shown: _Shown) -> Any:
    """The box inside a model that gets an input of it; of a layer, itself."""
    graph = getattr(owner, "_graph", None) if shown.nested else None
    if graph is None:
        return owner
    source = _source(graph.input_leaves[number % len(graph.input_leaves)], graph)
    return _begin(source, 0, shown)


def _end(owner: Any, shown: _Shown) -> Any:
    """The box inside a model that makes its first output; of a layer, itself."""
    graph = getattr(owner, "_graph", None) if shown.nested else None
    if graph is None:
        return owner
    return _end(_source(symbolic_leaves(graph.outputs)[0], graph), shown)


def _box(pydot: Any, owner: Any, nodes: Sequence[Node], shown: _Shown) -> Any:
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
    """Draw a model into a file; needs the extra `plot` and the program Graphviz.

    Args:
        model: a model whose layers are wired.
        to_file: where to; its ending says which kind of picture. `.dot` is the
            diagram as text, which needs no Graphviz.
        show_shapes: whether boxes say the shapes of inputs and outputs.
        show_dtype: whether they say the outputs' types.
        show_layer_names: whether they say the layers' names.
        rankdir: where arrows lead: "TB" down, "LR" to the right.
        expand_nested: whether to show the layers of models inside.
        dpi: dots an inch.
        show_layer_activations: whether boxes say the layers' activations.
        show_trainable: whether they say whether the layers are trained.
        splines: how arrows are drawn.

    Returns:
        The picture in a notebook, elsewhere nothing.

    Raises:
        ArgumentError: the file's ending is no kind of picture.
        StateError: there is nothing to draw, or pydot or Graphviz is not installed.
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
            f"plot_model: `to_file` must end in '.png', '.svg', '.pdf' or another kind "
            f"of picture that Graphviz draws. Received: {str(to_file)!r}."
        )
    try:
        dot.write(path, format=kind)
    except (OSError, AssertionError) as error:
        raise StateError(
            f"{str(path)!r} was not drawn: {str(error).rstrip('.')}. Graphviz, the "
            "program that draws, is at https://graphviz.org/download; a file that ends "
            "in '.dot' needs none."
        ) from None
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() and kind in ("png", "jpg", "jpeg"):
        from IPython.display import Image  # pyright: ignore[reportMissingImports]

        return Image(filename=os.fspath(path))
    return None
