# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Arguments of a call in a program, and today's in place of old ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

import libcst as cst

from lamina.compat import arguments as tables
from lamina.compat.keras.layers import AFTER_KERNEL_SIZE
from lamina.compat.upgrade.calls.values import meaning_of
from lamina.compat.upgrade.context import Context, code_of
from lamina.compat.upgrade.substitution import substituted
from lamina.compat.upgrade.templates import template_of
from lamina.layers import Activation, Embedding
from lamina.saving.legacy import names as renamed


class Arguments:
    """Arguments of a call, which can be renamed, removed and added.

    Args:
        nodes: those of the call.
    """

    def __init__(self, nodes: Sequence[cst.Arg]) -> None:
        self.nodes = list(nodes)
        self._last = nodes[-1] if nodes else None

    @property
    def names(self) -> list[str]:
        """Names of the keyword arguments."""
        return [n.keyword.value for n in self.nodes if n.keyword is not None]

    @property
    def positional(self) -> list[cst.Arg]:
        """Positional arguments."""
        return [n for n in self.nodes if n.keyword is None and not n.star]

    @property
    def has_stars(self) -> bool:
        """Whether arguments are unpacked in the call."""
        return any(node.star for node in self.nodes)

    def source(self, name: str) -> str | None:
        """Return the source of a keyword argument's value."""
        index = self._index(name)
        return None if index is None else code_of(self.nodes[index].value)

    def rename(self, name: str, new: str) -> None:
        """Rename a keyword argument."""
        index = self._index(name)
        if index is not None:
            keyword = cst.Name(new)
            self.nodes[index] = self.nodes[index].with_changes(keyword=keyword)

    def replace(self, name: str, source: str) -> None:
        """Replace the value of a keyword argument."""
        index = self._index(name)
        if index is not None:
            value = cst.parse_expression(source)
            self.nodes[index] = self.nodes[index].with_changes(value=value)

    def remove(self, name: str) -> None:
        """Remove a keyword argument."""
        index = self._index(name)
        if index is not None:
            self._delete(index)

    def unite(self, names: Sequence[str], new: str, source: str) -> None:
        """Replace keyword arguments by one, at the place of the first of them."""
        first, *others = [n for n in self.names if n in names]
        for name in others:
            self.remove(name)
        self.replace(first, source)
        self.rename(first, new)

    def _delete(self, index: int) -> None:
        """Remove an argument; a line break after it stays."""
        removed = self.nodes.pop(index)
        has_next = 0 < index < len(self.nodes)
        if (
            has_next
            and isinstance(removed.comma, cst.Comma)
            and "\n" in code_of(removed.comma)
        ):
            previous = self.nodes[index - 1]
            self.nodes[index - 1] = previous.with_changes(comma=removed.comma)

    def join(self, first: int, count: int) -> None:
        """Make several positional arguments one tuple."""
        given = self.positional[first : first + count]
        sources = ", ".join(code_of(node.value) for node in given)
        index = self.nodes.index(given[0])
        value = cst.parse_expression(f"({sources})")
        joined = given[0].with_changes(value=value, comma=given[-1].comma)
        self.nodes[index : index + count] = [joined]

    def add(self, name: str, source: str) -> None:
        """Add a keyword argument at the end."""
        equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        self.nodes.append(
            cst.Arg(cst.parse_expression(source), keyword=cst.Name(name), equal=equal)
        )

    def name_positional(self, names: Iterable[str]) -> None:
        """Make positional arguments, from the first, keyword arguments."""
        equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        for node, name in zip(self.positional, names, strict=False):
            if name:
                named = node.with_changes(keyword=cst.Name(name), equal=equal)
                self.nodes[self.nodes.index(node)] = named

    def finished(self) -> list[cst.Arg]:
        """Return the arguments, with the line breaks of the call around them."""
        if not self.nodes or self._last is None:
            return self.nodes
        ends = {
            "comma": self._last.comma,
            "whitespace_after_arg": self._last.whitespace_after_arg,
        }
        plain = {
            "comma": cst.MaybeSentinel.DEFAULT,
            "whitespace_after_arg": cst.SimpleWhitespace(""),
        }
        was_last = [n.deep_equals(self._last) for n in self.nodes[:-1]]
        nodes = [
            n.with_changes(**plain) if last else n
            for n, last in zip(self.nodes[:-1], was_last, strict=True)
        ]
        return [*nodes, self.nodes[-1].with_changes(**ends)]

    def _index(self, name: str) -> int | None:
        names = [n.keyword.value if n.keyword else None for n in self.nodes]
        return names.index(name) if name in names else None


def rename_all(
    context: Context, found: Arguments, table: Mapping[str, str | None]
) -> None:
    """Rename arguments by a table; those without effect today are removed."""
    for name in found.names:
        if name not in table:
            continue
        new = table[name]
        if new is None:
            found.remove(name)
        elif new != name:
            found.rename(name, new)
            _upgrade_value(context, found, new)
        context.count += new != name


def upgrade_constructor(
    context: Context, cls: type, found: Arguments, sizes: int = 0
) -> None:
    """Give a constructor today's arguments.

    Args:
        context: the program.
        cls: class of lamina.
        found: the arguments of the call.
        sizes: number of integers that are the sizes of the kernel.
    """
    old = tables.old_arguments(cls, found.names)
    for name in old & _WITHOUT_TRANSLATION.keys():
        if found.source(name) not in ("0", "0.0", "0."):
            context.note(f"{cls.__name__}({name}=) {_WITHOUT_TRANSLATION[name]}")
        found.remove(name)
    _join_sizes(context, found, sizes, bool(old), cls)
    rename_all(context, found, tables.renames_of(cls, old))
    if cls is Embedding:
        found.remove("input_length")
    for row in tables.translations_of(cls, old):
        _translate(context, cls, found, row)
    for name in found.names:
        _upgrade_value(context, found, name)
    if cls is Activation and found.positional:
        _upgrade_activation(context, found)


_WITHOUT_TRANSLATION = {
    "mode": "was removed: modes 1 and 2 are LayerNormalization and training=True",
    "dropout": "was removed: add SpatialDropout1D after the layer",
}


def _join_sizes(
    context: Context, found: Arguments, sizes: int, is_old: bool, cls: type
) -> None:
    """Join the positional sizes of a kernel, and name what came after them."""
    count = sizes or (tables.KERNEL_SIZES.get(cls.__name__, 0) if is_old else 0)
    given = found.positional[1 : count + 1]
    is_joined = any(isinstance(node.value, cst.Tuple | cst.List) for node in given)
    if not count or len(given) < count or is_joined:
        return
    if count > 1:
        found.join(1, count)
        context.count += 1
    if sizes:
        found.name_positional(["", "", *AFTER_KERNEL_SIZE])


def _translate(
    context: Context, cls: type, found: Arguments, row: tables.Translation
) -> None:
    """Compute today's argument from several old ones."""
    template = template_of(row.value, context.root)
    given = {n: found.source(n) for n in row.old}
    defaults = {n: repr(tables.default_of(cls, n)) for n in row.old}
    values = {n: defaults[n] if v is None else v for n, v in given.items()}
    has_effect = values[row.old[0]] not in ("0", "0.0", "0.", "None")
    source = template and substituted(template, values, context.root)
    context.count += 1
    if not has_effect:
        found.remove(row.old[0])
    elif template is None or source is None:
        for name in row.old:
            found.remove(name)
        context.note(f"{cls.__name__}({row.old[0]}=) is now {row.new}={row.form}")
    else:
        context.imports |= template.imports
        found.unite(row.old, row.new, source)


def _upgrade_value(context: Context, found: Arguments, name: str) -> None:
    """Replace a string that has another name or meaning today."""
    source = found.source(name) or ""
    new = _todays_value(context, name.rpartition("_")[2], source)
    if new != source:
        found.replace(name, new)
        context.count += 1


def _upgrade_activation(context: Context, found: Arguments) -> None:
    """Replace the positional argument of `Activation` if it means another today."""
    node = found.positional[0]
    source = code_of(node.value)
    new = _todays_value(context, "activation", source)
    if new != source:
        value = cst.parse_expression(new)
        found.nodes[found.nodes.index(node)] = node.with_changes(value=value)
        context.count += 1


def _todays_value(context: Context, suffix: str, source: str) -> str:
    """Return the source of a value, another one if it is a string of former times."""
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return source
    if not isinstance(value, str):
        return source
    new = renamed.VALUES.get(suffix, {}).get(value, value)
    meaning = meaning_of(context, suffix, new)
    return meaning or (source if new == value else repr(new))
