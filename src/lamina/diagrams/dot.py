"""Diagrams of models as graphs of pydot, for Graphviz."""

from __future__ import annotations

import html
from types import ModuleType
from typing import Any

from lamina.diagrams.diagram import Box, Details, Group, diagram_of
from lamina.errors import missing_package
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer


@filter_traceback
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

    Example:
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> len(model_to_dot(model).get_nodes())
        3
    """
    details = Details(
        names=show_layer_names,
        inputs=show_shapes,
        outputs=show_shapes,
        dtypes=show_dtype,
        activations=show_layer_activations,
        trainable=show_trainable,
        nested=expand_nested,
    )
    options: dict[str, Any] = {"rankdir": rankdir, "dpi": dpi, "splines": splines}
    return dot_of(model, details, None if subgraph else options)


def dot_of(model: Trainer, details: Details, options: dict[str, Any] | None) -> Any:
    """Return a model as a pydot graph, or as a cluster if there are no options.

    Args:
        model: a built model.
        details: the facts in the boxes.
        options: attributes of the graph.

    Raises:
        StateError: the model is not built.
        MissingPackageError: pydot is not installed.
    """
    try:
        import pydot
    except ImportError:
        raise missing_package("pydot", "diagrams of models", "plot") from None
    group = diagram_of(model, details)
    if options is None:
        dot: Any = pydot.Cluster(graph_name=_id(group.key), label=model.name)
    else:
        dot = pydot.Dot("model", graph_type="digraph", **options)
        dot.set_node_defaults(shape="plain", fontname="Helvetica")
    _fill(pydot, dot, group)
    return dot


def _id(key: int) -> str:
    return f"n{key}"


def _fill(pydot: ModuleType, dot: Any, group: Group) -> None:
    """Add the boxes and arrows of a group to a pydot graph."""
    items = {item.key: item for item in group.items}
    for item in group.items:
        if isinstance(item, Group):
            cluster = pydot.Cluster(graph_name=_id(item.key), label=item.title)
            _fill(pydot, cluster, item)
            dot.add_subgraph(cluster)
        else:
            dot.add_node(pydot.Node(_id(item.key), label=_label(item)))
    for source, target, index in group.arrows:
        start = _output_box(items[source])
        stop = _input_box(items[target], index)
        dot.add_edge(pydot.Edge(_id(start.key), _id(stop.key)))


def _label(box: Box) -> str:
    lines = [f"<b>{html.escape(box.title)}</b>", *map(html.escape, box.lines)]
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    table = '<table border="0" cellborder="1" cellspacing="0" cellpadding="6">'
    return f"<{table}{rows}</table>>"


def _input_box(item: Box | Group, index: int) -> Box:
    """Return a box, or the box in a group that is an input of its model."""
    if isinstance(item, Box):
        return item
    key = item.inputs[index % len(item.inputs)]
    return _input_box(item.find(key), 0)


def _output_box(item: Box | Group) -> Box:
    """Return a box, or the box in a group that makes the output of its model."""
    return item if isinstance(item, Box) else _output_box(item.find(item.output))
