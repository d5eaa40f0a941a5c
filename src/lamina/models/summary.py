"""Tables of models: layers, output shapes, parameter counts, connections."""

from __future__ import annotations

import html
import io
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from lamina.core.graph import Node, SymbolicTensor, symbolic_leaves
from lamina.display import Side, html_table
from lamina.distribution.shards import shards_of, split_text
from lamina.errors import ArgumentError, did_you_mean, invalid
from lamina.kernels import Choice, choices
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import graph_of, known_output_shapes
from lamina.progress.text import size
from lamina.training.trainer import Trainer

_MAX_WIDTH = 120
# Positions at which a name that is too long for its column may be wrapped.
_BREAKS = re.compile(r"(?<=_)|(?<=[a-z0-9])(?=[A-Z])")


class Row(NamedTuple):
    """One line of the table: a layer, or a function in a graph."""

    name: str
    kind: str
    shape: str
    params: str
    connected: str
    trainable: str
    kernels: str = ""
    split: str = ""
    held: str = ""
    level: int = 0


def print_summary(
    model: Trainer,
    *,
    line_length: int | None = None,
    print_fn: Callable[[str], None] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    kernels: bool = False,
    sharding: bool = False,
) -> None:
    """Print a model's table, or pass its text to `print_fn`.

    Args:
        model: a built or unbuilt model.
        line_length: width of the table; the terminal's by default.
        print_fn: called once with the whole text instead of printing it.
        expand_nested: whether to show the layers of nested models.
        show_trainable: whether to show which layers are trainable.
        layer_range: names, or regular expressions for names, of the first and the
            last layer to show.
        kernels: whether to show the kernels that the ops of the layers use.
        sharding: whether to show which part of the weights each device holds.

    Raises:
        ArgumentError: `layer_range` matches no layer, or `line_length` is too small.
    """
    if line_length is not None and line_length < 40:
        raise invalid("summary", "line_length", line_length, "at least 40")
    found = choices(model) if kernels else []
    rows = list(_rows(model, expand_nested, found, sharding))
    rows = _between(rows, layer_range)
    width = line_length or min(_MAX_WIDTH, shutil.get_terminal_size().columns)
    _print(model, rows, width, show_trainable, print_fn)


# Content of the table


def _rows(
    model: Layer,
    expand: bool,
    found: Sequence[Choice] = (),
    sharding: bool = False,
    level: int = 0,
) -> Iterator[Row]:
    graph = graph_of(model)
    nodes = [] if graph is None else graph.nodes
    inputs = [] if graph is None else graph.input_leaves
    branched = _is_branched(nodes, inputs)
    names = _function_names(model, nodes)
    for item in _in_order(model, nodes):
        calls = [n for n in nodes if item in (n, n.operation)]
        sources = [names.get(id(t.node)) or t.name for n in calls for t in n.inputs]
        connected = ", ".join(sources) or "-"
        name = names.get(id(item)) or item.name
        row = _row(name, item, calls, connected if branched else "", level)
        if sharding and isinstance(item, Layer):
            row = row._replace(**_share(item))
        inside = [c for c in found if c.path[level + 1 : level + 2] == (item.name,)]
        yield row._replace(kernels=", ".join(dict.fromkeys(c.kernel for c in inside)))
        if expand and getattr(item, "layers", None):
            yield from _rows(item, expand, inside, sharding, level + 1)


def _function_names(model: Layer, nodes: Sequence[Node]) -> dict[int, str]:
    """Return unique names for functions in the graph, by the node's `id`."""
    counts = {layer.name: 1 for layer in model.layers}
    names: dict[int, str] = {}
    for node in nodes:
        if node.operation not in model.layers:
            count = counts.get(node.name, 0)
            names[id(node)] = f"{node.name}_{count}" if count else node.name
            counts[node.name] = count + 1
    return names


def _row(
    name: str, item: Layer | Node, nodes: list[Node], connected: str, level: int
) -> Row:
    if isinstance(item, Node):
        shape = _node_shape(item)
        return Row(name, "function", shape, "0", connected, "-", level=level)
    params = f"{item.count_params():,}" if item.built else "0 (unbuilt)"
    trainable = "-" if not item.weights else "Y" if item.trainable else "N"
    shapes = dict.fromkeys(_node_shape(n) for n in nodes)
    shape = ", ".join(shapes) or _shape_text(known_output_shapes(item)) or "?"
    kind = type(item).__name__
    return Row(name, kind, shape, params, connected, trainable, level=level)


def _share(layer: Layer) -> dict[str, str]:
    """Return the cells that say which part of a layer's weights each device holds."""
    split = [w for w in layer.weights if shards_of(w).num_shards > 1]
    held = sum(shards_of(w).bytes for w in layer.weights)
    names = ", ".join(f"{w.name} {split_text(w)}" for w in split)
    return {"split": names, "held": size(held)}


def _node_shape(node: Node) -> str:
    return _shape_text([t.shape for t in symbolic_leaves(node.outputs)])


def _shape_text(shapes: list[Any]) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes)


def _in_order(model: Layer, nodes: Sequence[Node]) -> list[Any]:
    """Return the model's layers, each after the functions that it depends on."""
    functions = {id(n): n for n in nodes if n.operation not in model.layers}
    found: list[Any] = []

    def add(node: Node) -> None:
        for tensor in node.inputs:
            made = functions.pop(id(tensor.node), None)
            if made is not None:
                add(made)
                found.append(made)

    for layer in model.layers:
        for node in nodes:
            if node.operation is layer:
                add(node)
        found.append(layer)
    for node in nodes:
        if functions.pop(id(node), None) is not None:
            add(node)
            found.append(node)
    return found


def _is_branched(nodes: Sequence[Node], inputs: Sequence[SymbolicTensor]) -> bool:
    """Return whether the graph is not a single chain of layers."""
    tensors = [t for n in nodes for t in n.inputs]
    shared = len({id(n.operation) for n in nodes}) < len(nodes)
    split = len({id(t) for t in tensors}) < len(tensors)
    return shared or split or len(inputs) > 1 or any(len(n.inputs) > 1 for n in nodes)


def _between(rows: list[Row], names: Sequence[str] | None) -> list[Row]:
    if names is None:
        return rows
    if isinstance(names, str) or len(names) != 2:
        raise invalid("summary", "layer_range", names, "two layer names")
    top = [i for i, row in enumerate(rows) if row.level == 0]
    matches = [[i for i in top if re.match(name, rows[i].name)] for name in names]
    for name, found in zip(names, matches, strict=True):
        if not found:
            known = [rows[i].name for i in top]
            raise ArgumentError(
                f"summary: `layer_range` names {name!r}, which no layer matches."
                f"{did_you_mean(name, known)} The layers are: {', '.join(known)}."
            )
    first, last = min(matches[0]), max(matches[1])
    if first > last:
        first, last = min(matches[1]), max(matches[0])
    # Rows of the last layer's sublayers are included.
    stop = next((i for i in top if i > last), len(rows))
    return rows[first:stop]


def _totals(model: Trainer) -> list[tuple[str, str]]:
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    optimizer = model.optimizer
    slots: list[Any] = optimizer.variables if optimizer and optimizer.built else []
    groups = [
        ("Total params", [*trainable, *frozen, *slots]),
        ("Trainable params", trainable),
        ("Non-trainable params", frozen),
    ]
    if slots:
        groups.append(("Optimizer params", slots))
    return [(name, _size_text(variables)) for name, variables in groups]


def _notes(model: Trainer) -> list[str]:
    note = "Not built: `Input` or the first data determine shapes and weights."
    return [] if model.built else [note]


def _size_text(variables: Sequence[Any]) -> str:
    count = sum(v.size for v in variables)
    size = float(sum(v.size * v.raw.dtype.itemsize for v in variables))
    unit = 0
    while size >= 1024 and unit < 4:
        size, unit = size / 1024, unit + 1
    return f"{count:,} ({size:.2f} {('B', 'KB', 'MB', 'GB', 'TB')[unit]})"


# Layout of the table


class Column(NamedTuple):
    """One column of the table."""

    header: str
    side: Side
    cells: list[str]


def _columns(rows: Sequence[Row], show_trainable: bool) -> list[Column]:
    indents = ["   " * r.level + "└ " if r.level else "" for r in rows]
    names = [f"{i}{r.name} ({r.kind})" for i, r in zip(indents, rows, strict=True)]
    columns = [
        Column("Layer (type)", "left", names),
        Column("Output Shape", "left", [r.shape for r in rows]),
        Column("Param #", "right", [r.params for r in rows]),
    ]
    if any(r.connected for r in rows):
        cells = [r.connected or "-" for r in rows]
        columns.append(Column("Connected to", "left", cells))
    if any(r.kernels for r in rows):
        columns.append(Column("Kernels", "left", [r.kernels or "-" for r in rows]))
    if any(r.held for r in rows):
        columns.append(Column("Split along", "left", [r.split or "-" for r in rows]))
        columns.append(Column("On each device", "right", [r.held for r in rows]))
    if show_trainable:
        columns.append(Column("Trainable", "center", [r.trainable for r in rows]))
    return columns


def _fitted(columns: list[Column], width: int) -> list[Column]:
    """Wrap names between words, or else within words, to a table width."""
    flexible = [c for c in columns if c.header in ("Layer (type)", "Connected to")]
    natural = [max(map(len, [c.header, *c.cells])) for c in columns]
    fixed = sum(n for n, c in zip(natural, columns, strict=True) if c not in flexible)
    room = max(width - 3 * len(columns) - 1 - fixed, 20)
    if sum(natural) - fixed <= room:
        return columns
    least = [max(map(_longest_word, [c.header, *c.cells])) for c in flexible]
    last = sum(least[1:])
    # Names of layers are wrapped last; connections get the remaining width.
    first = min(natural[0], room - last)
    if first < least[0]:
        first = max(room * least[0] // (least[0] + last), 1)
    widths = {"Layer (type)": first, "Connected to": room - first}
    return [
        c._replace(cells=[_wrapped(text, widths[c.header]) for text in c.cells])
        if c.header in widths
        else c
        for c in columns
    ]


def _longest_word(text: str) -> int:
    rest = text.lstrip(" └")
    return len(text) - len(rest) + max(map(len, rest.split()), default=0)


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines between words, and words that are too long at `_BREAKS`."""

    def _split(self, text: str) -> list[str]:
        room = self.width - len(self.subsequent_indent)
        words = re.split("( )", text)
        return [p for w in words for p in (_BREAKS.split(w) if len(w) > room else [w])]


def _wrapped(text: str, width: int) -> str:
    rest = text.lstrip(" └")
    indent = text[: len(text) - len(rest)]
    wrapper = _Wrapper(
        width,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
    )
    return wrapper.fill(rest)


def _print(
    model: Trainer,
    rows: Sequence[Row],
    width: int,
    show_trainable: bool,
    print_fn: Callable[[str], None] | None,
) -> None:
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    columns = _columns(rows, show_trainable)
    for header, side, _ in columns:
        table.add_column(header, justify=side, overflow="fold")
    for cells in zip(*(c.cells for c in _fitted(columns, width)), strict=True):
        table.add_row(*(Text(cell) for cell in cells))
    head = Text(f'Model: "{model.name}"', "bold")
    totals = [Text.assemble((f" {n}: ", "bold"), size) for n, size in _totals(model)]
    notes = [Text(f" {note}") for note in _notes(model)]
    whole = Group(head, table, *totals, *notes)
    if print_fn is None:
        Console(width=width).print(whole)
        return
    text = io.StringIO()
    Console(file=text, width=width, color_system=None, force_jupyter=False).print(whole)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    print_fn("\n".join(lines))


def notebook_table(model: Trainer) -> str:
    """Return a model's table as self-contained HTML for notebooks."""
    columns = _columns(list(_rows(model, expand=False)), show_trainable=False)
    headers = [html.escape(column.header) for column in columns]
    rows = list(zip(*(column.cells for column in columns), strict=True))
    table = html_table(headers, rows, [column.side for column in columns])
    below = [f"{name}: {size}" for name, size in _totals(model)] + _notes(model)
    return (
        f"<b>Model: {html.escape(model.name)}</b>{table}"
        f"{'<br>'.join(html.escape(text) for text in below)}"
    )
