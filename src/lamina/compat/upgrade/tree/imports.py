# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Imports of a program: today's modules and names, and those that it needs more."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node

from lamina.compat.finder import ROOTS
from lamina.compat.keras.companions import SAME
from lamina.compat.upgrade.context import Context
from lamina.compat.upgrade.resolve import Found, kept_in, resolve
from lamina.compat.upgrade.tree.cleaning import bound_name, import_key

# Modules of old programs that Keras 3 has only for `tf.keras`.
_FOR_TENSORFLOW = (
    "preprocessing.text",
    "preprocessing.image",
    "preprocessing.sequence",
)


def missing_note(name: str) -> str:
    """Return the note about a name that lamina does not know."""
    if name.startswith("tensorflow.") and ".keras" not in name:
        return f"{name} needs TensorFlow"
    return f"{name} has no translation"


def upgrade_import(context: Context, node: cst.Import) -> Any:
    """Return an import of modules with today's paths."""
    aliases: list[cst.ImportAlias] = []
    for alias in node.names:
        name = get_full_name_for_node(alias.name) or ""
        found = resolve(name)
        if found is None or name.partition(".")[0] not in ROOTS:
            aliases.append(alias)
            continue
        if name.endswith(_FOR_TENSORFLOW) and alias.asname is not None:
            path = _kept_module(context, name)
            aliases.append(alias.with_changes(name=_dotted(path)))
            continue
        if found.name is None:
            context.replaced.add(bound_name(alias))
            aliases.append(alias)
            continue
        path = f"{context.root}.{found.name}" if found.name else context.root
        new = alias if path == name else _renamed_module(alias, path, context.root)
        context.count += new is not alias
        context.written.add(import_key("", new))
        if alias.asname is not None:
            context.replaced.add(bound_name(alias))
        aliases.append(new)
    return node.with_changes(names=_separated(aliases))


def _kept_module(context: Context, name: str) -> str:
    """Return today's path of a module of `keras.preprocessing`."""
    start = "keras._tf_keras.keras" if context.is_for_keras else "lamina.compat.keras"
    return f"{start}.preprocessing.{name.rpartition('.')[2]}"


def _renamed_module(alias: cst.ImportAlias, path: str, root: str) -> cst.ImportAlias:
    bound = bound_name(alias)
    if alias.asname is None:
        return cst.ImportAlias(cst.Name(root))
    if path == bound:
        return cst.ImportAlias(cst.Name(path))
    return alias.with_changes(name=_dotted(path))


def upgrade_import_from(context: Context, node: cst.ImportFrom) -> Any:
    """Return imports of names from today's modules."""
    if node.module is None or node.relative:
        return node
    module = get_full_name_for_node(node.module) or ""
    if module in SAME:
        return _of_scikit_learn(context, node, module)
    if module.partition(".")[0] not in ROOTS:
        return node
    if isinstance(node.names, cst.ImportStar):
        return _with_today(context, node, module)
    groups: dict[str, list[cst.ImportAlias]] = {}
    for alias in node.names:
        name = alias.name.value
        path, new = _home(context, f"{module}.{name}", alias)
        is_same = path == module and new.deep_equals(alias)
        context.count += not is_same
        if not is_same:
            context.written.add(import_key(path, new))
        groups.setdefault(path, []).append(new)
    if len(groups) == 1 and "" not in groups:
        ((path, names),) = groups.items()
        names = names if node.lpar else _separated(names)
        return node.with_changes(module=_dotted(path), names=names)
    statements = [_import_from(path, names) for path, names in groups.items()]
    return cst.FlattenSentinel(statements)


def _of_scikit_learn(
    context: Context, node: cst.ImportFrom, module: str
) -> cst.ImportFrom:
    """Return an import of functions that scikit-learn has in another module today."""
    names = () if isinstance(node.names, cst.ImportStar) else node.names
    if not names or any(n.name.value not in SAME[module] for n in names):
        context.note(f"{module} was removed: see sklearn.model_selection")
        return node
    context.count += 1
    context.has_old_scores = True
    return node.with_changes(module=_dotted("sklearn.model_selection"))


def _with_today(context: Context, node: cst.ImportFrom, module: str) -> cst.ImportFrom:
    """Return an import of all names of a module."""
    found = resolve(module)
    if found is None or found.name is None:
        context.note(missing_note(module))
        return node
    path = f"{context.root}.{found.name}".rstrip(".")
    context.count += path != module
    return node.with_changes(module=_dotted(path))


def _home(
    context: Context, name: str, alias: cst.ImportAlias
) -> tuple[str, cst.ImportAlias]:
    """Return today's module of an imported name, and the name in it."""
    module = name.rpartition(".")[0]
    found = resolve(name)
    if found is None:
        context.note(missing_note(name))
        return module, alias
    if found.name is None:
        return _home_of_old(context, name, alias, found)
    path, _, new = found.name.rpartition(".")
    path = f"{context.root}.{path}" if path else context.root
    if not found.name:
        is_same = bound_name(alias) == context.root
        asname = None if is_same else cst.AsName(cst.Name(bound_name(alias)))
        return "", alias.with_changes(name=cst.Name(context.root), asname=asname)
    if found.is_module and alias.asname is None and new != alias.name.value:
        kept = cst.AsName(cst.Name(bound_name(alias)))
        return path, alias.with_changes(name=cst.Name(new), asname=kept)
    return path, alias.with_changes(name=cst.Name(new))


def _home_of_old(
    context: Context, name: str, alias: cst.ImportAlias, found: Found
) -> tuple[str, cst.ImportAlias]:
    """Return the module of a name that has no public name today."""
    module = name.rpartition(".")[0]
    kept = kept_in(found.value, context.root)
    if kept is not None:
        return kept, alias
    if found.is_module and name.endswith(_FOR_TENSORFLOW):
        return _kept_module(context, name).rpartition(".")[0], alias
    context.replaced.add(bound_name(alias))
    return module, alias


def _import_from(path: str, names: list[cst.ImportAlias]) -> cst.BaseSmallStatement:
    if not path:
        return cst.Import(_separated(names))
    return cst.ImportFrom(_dotted(path), _separated(names))


def _separated(aliases: list[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """Return names of an import with one comma between two."""
    return [a.with_changes(comma=cst.MaybeSentinel.DEFAULT) for a in aliases]


def _dotted(path: str) -> Any:
    return cst.parse_expression(path)
