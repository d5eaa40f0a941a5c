"""Arguments of functions that only exist after import, for the website.

The generator reads the source, where functions made from a table are attributes.
"""

from __future__ import annotations

import inspect
from typing import Any

import griffe

from tools.api_snapshot import public_names

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.VAR_POSITIONAL: griffe.ParameterKind.var_positional,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
    inspect.Parameter.VAR_KEYWORD: griffe.ParameterKind.var_keyword,
}


def runtime_function(name: str, value: Any) -> griffe.Function:
    """Return the description of an imported function."""
    signature = inspect.signature(value)
    parameters = [
        griffe.Parameter(
            parameter.name,
            annotation=_text(parameter.annotation),
            kind=KINDS[parameter.kind],
            default=_default(parameter.default),
        )
        for parameter in signature.parameters.values()
    ]
    described = griffe.Function(
        name,
        parameters=griffe.Parameters(*parameters),
        returns=_text(signature.return_annotation),
    )
    doc = inspect.getdoc(value)
    if doc:
        described.docstring = griffe.Docstring(_known(doc), parent=described)
    return described


def _known(docstring: str) -> str:
    return docstring.replace("\nExample:\n", "\nExamples:\n")


def _text(annotation: Any) -> str | None:
    """Return an annotation as source, None if there is none."""
    return annotation if isinstance(annotation, str) else _default(annotation)


def _default(value: Any) -> str | None:
    """Return a default as source, None if there is none."""
    if value is inspect.Parameter.empty:
        return None
    return getattr(value, "__name__", None) or repr(value)


class RuntimeFunctions(griffe.Extension):
    """Describe attributes that are functions as functions, and find all examples."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Give a section of examples the heading that the parser knows."""
        if obj.docstring is not None:
            obj.docstring.value = _known(obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Visit each public name after the whole package has been read."""
        if pkg.name != "lamina":
            return
        for full_name, value in public_names():
            path, _, name = full_name.partition(".")[2].rpartition(".")
            owner: Any = pkg[path] if path else pkg
            if inspect.isclass(value) and name not in owner.members:
                target = f"{value.__module__}.{value.__qualname__}"
                owner.set_member(name, griffe.Alias(name, target, parent=owner))
            elif callable(value) and not inspect.isclass(value):
                _describe(owner, name, value)


def _describe(owner: Any, name: str, value: Any) -> None:
    found = owner.members.get(name)
    if found is not None and found.is_alias:
        found = found.final_target
        owner, name = found.parent, found.name
    if found is None or found.is_attribute:
        owner.set_member(name, runtime_function(name, value))
