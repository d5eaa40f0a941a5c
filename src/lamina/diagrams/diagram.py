"""Diagrams of models as data: boxes of layers, groups of nested models, arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.errors import StateError
from lamina.layers import InputLayer, Layer
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.training.trainer import Trainer

Tone: TypeAlias = Literal["input", "trained", "frozen", "plain"]
_Owner: TypeAlias = Layer | Node | SymbolicTensor  # of a box


class Details(NamedTuple):
    """Facts that a diagram shows besides the classes of layers.

    Args:
        names: names of layers.
        inputs: shapes of their inputs.
        outputs: shapes of their outputs.
        dtypes: types of their outputs.
        activations: names of their activations.
        trainable: whether they are trained.
        params: their numbers of parameters.
        nested: the layers of nested models.
    """

    names: bool = True
    inputs: bool = False
    outputs: bool = False
    dtypes: bool = False
    activations: bool = False
    trainable: bool = False
    params: bool = False
    nested: bool = False


class Box(NamedTuple):
    """A layer, or a function in a graph.

    Args:
        key: identifier of the box in its diagram.
        title: class and, if shown, name.
        lines: facts below the title.
        tone: an input, a layer with weights, one whose weights are frozen, or another.
    """

    key: int
    title: str
    lines: list[str]
    tone: Tone


class Arrow(NamedTuple):
    """A tensor from one item of a group to another.

    Args:
        source: key of the item that makes it.
        target: key of the item that receives it.
        position: place among the inputs of the target, from 0.
    """

    source: int
    target: int
    position: int


class Group(NamedTuple):
    """A model whose layers are shown.

    Args:
        key: identifier of the group in the diagram around it.
        title: the model's name.
        items: its boxes and nested groups, in the order of their first calls.
        arrows: the tensors between the items.
        inputs: keys of the items that are the model's inputs, in order.
        output: key of the item that makes the first output.
    """

    key: int
    title: str
    items: list[Box | Group]
    arrows: list[Arrow]
    inputs: list[int]
    output: int

    def find(self, key: int) -> Box | Group:
        """Return the item with a key."""
        return next(item for item in self.items if item.key == key)


def diagram_of(model: Trainer, details: Details) -> Group:
    """Return the diagram of a model; one box if its calls are not known.

    Raises:
        StateError: the model is not built.
    """
    graph = graph_of(model)
    if graph is not None:
        return _group(model, graph, details)
    if not model.built:
        raise StateError(
            f"Model {model.name!r} has no graph of layers to draw yet. Build the model "
            "first, or call it on data."
        )
    box = _box(model, [], details)
    return Group(id(model), model.name, [box], [], [box.key], box.key)


def _group(model: Layer, graph: CallGraph, details: Details) -> Group:
    calls: dict[int, list[Node]] = {}
    owners: dict[int, _Owner] = {}
    for tensor in graph.input_leaves:
        source = _source(tensor, graph)
        owners.setdefault(id(source), source)
    for node in graph.nodes:
        owner = _owner(node)
        calls.setdefault(id(owner), []).append(node)
        owners.setdefault(id(owner), owner)
    items: list[Box | Group] = []
    for key, owner in owners.items():
        inner = graph_of(owner) if details.nested else None
        if inner is None or not isinstance(owner, Layer):
            items.append(_box(owner, calls.get(key, []), details))
        else:
            items.append(_group(owner, inner, details))
    arrows = [
        Arrow(id(_source(tensor, graph)), id(_owner(node)), i)
        for node in graph.nodes
        for i, tensor in enumerate(node.inputs)
    ]
    inputs = [id(_source(tensor, graph)) for tensor in graph.input_leaves]
    output = id(_source(graph.output_leaves[0], graph))
    return Group(id(model), model.name, items, arrows, inputs, output)


def _box(owner: _Owner, nodes: Sequence[Node], details: Details) -> Box:
    """Return the box of a layer or function that `nodes` call."""
    kind = "function" if isinstance(owner, Node) else type(owner).__name__
    title = f"{owner.name} ({kind})" if details.names else kind
    if isinstance(owner, Node) and not details.names:
        title = owner.name
    return Box(id(owner), title, _lines(owner, nodes, details), _tone(owner))


def _tone(owner: _Owner) -> Tone:
    if isinstance(owner, (InputLayer, SymbolicTensor)):
        return "input"
    if not isinstance(owner, Layer) or not owner.weights:
        return "plain"
    return "trained" if owner.trainable_weights else "frozen"


def _lines(owner: _Owner, nodes: Sequence[Node], details: Details) -> list[str]:
    lines: list[str] = []
    activation = getattr(owner, "activation", None)
    if details.activations and activation is not None:
        name = getattr(activation, "__name__", type(activation).__name__)
        lines.append(f"activation: {name}")
    outputs = _outputs(owner, nodes)
    if details.inputs and nodes:
        lines.append(f"input: {_shapes(nodes[0].inputs)}")
    if details.outputs:
        lines.append(f"output: {_shapes(outputs)}")
    if details.dtypes:
        lines.append(f"type: {', '.join(dict.fromkeys(t.dtype for t in outputs))}")
    if not isinstance(owner, Layer) or not owner.weights:
        return lines
    if details.trainable:
        lines.append("trained" if owner.trainable else "not trained")
    if details.params:
        lines.append(f"{owner.count_params():,} parameters")
    return lines


def _outputs(owner: _Owner, nodes: Sequence[Node]) -> list[SymbolicTensor]:
    """Return the outputs of the first call, or of an input that no node calls."""
    if nodes:
        return symbolic_leaves(nodes[0].outputs)
    is_known = isinstance(owner, InputLayer)
    return symbolic_leaves(owner.output if is_known else owner)


def _owner(node: Node) -> Node | Layer:
    """Return the layer that a node calls, or the node itself for a function."""
    return node.operation if isinstance(node.operation, Layer) else node


def _source(tensor: SymbolicTensor, graph: CallGraph) -> _Owner:
    """Return the layer or node that a tensor comes from."""
    if tensor.node is None or tensor in graph.input_leaves:
        return tensor.layer or tensor
    return _owner(tensor.node)


def _shapes(tensors: Sequence[SymbolicTensor]) -> str:
    return ", ".join(str(t.shape) for t in tensors) or "?"
