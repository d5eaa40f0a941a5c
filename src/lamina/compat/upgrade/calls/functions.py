# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Calls of functions, classes and methods with old spellings."""

from __future__ import annotations

import ast
import inspect
from types import FunctionType
from typing import Any

import libcst as cst

from lamina import layers
from lamina.callbacks import ModelCheckpoint
from lamina.compat.arguments import FUNCTIONS, known_arguments
from lamina.compat.keras.functions import get_file
from lamina.compat.keras.layers import FORMER, MERGES, merge
from lamina.compat.patches import methods
from lamina.compat.tensorflow.base.tensors import dtype_of
from lamina.compat.upgrade.calls import arrays
from lamina.compat.upgrade.calls.arguments import (
    Arguments,
    rename_all,
    upgrade_constructor,
)
from lamina.compat.upgrade.calls.defaults import (
    add_defaults,
    add_method_defaults,
    upgrade_optimizer,
)
from lamina.compat.upgrade.calls.files import upgrade_checkpoint, upgrade_file_call
from lamina.compat.upgrade.calls.sizes import upgrade_sizes
from lamina.compat.upgrade.context import Context, code_of, expression
from lamina.compat.upgrade.resolve import Found, is_former, kept_in
from lamina.compat.upgrade.substitution import substituted
from lamina.compat.upgrade.templates import template_of
from lamina.core.module import Module
from lamina.layers import Layer


def upgrade_call(context: Context, found: Found, call: cst.Call) -> cst.BaseExpression:
    """Return a call of what lamina knows in today's form.

    Args:
        context: the program.
        found: what is called.
        call: the call, of today's name if there is one.
    """
    value = found.value
    name = getattr(value, "__name__", "")
    if name in ("load_model", "save_model"):
        call = upgrade_file_call(context, call)
    arguments = Arguments(call.args)
    if value is merge:
        return _merged(context, arguments, call)
    if is_former(value):
        return _former(context, name, arguments, call)
    if value is get_file and not {"extract", "untar"} & set(arguments.names):
        return call.with_changes(func=context.chain("utils.get_file"))
    if isinstance(value, type) and found.name is not None:
        if issubclass(value, Module):
            return _constructed(context, value, arguments, call)
        if value is ModelCheckpoint:
            call = upgrade_checkpoint(context, call)
            arguments = Arguments(call.args)
        return _renamed(context, f"{name}.__init__", value, arguments, call)
    if found.name is None and kept_in(value, context.root) is not None:
        name = f"{name}.__init__" if isinstance(value, type) else name
        return _renamed(context, name, value, arguments, call)
    if found.name is None and isinstance(value, type):
        return _defined(context, value, call)
    if found.name is not None or not isinstance(value, FunctionType):
        return _renamed(context, name, value, arguments, call)
    call = _renamed(context, name, value, arguments, call)
    return _written(context, value, arguments, call)


def _constructed(
    context: Context, cls: type, arguments: Arguments, call: cst.Call, sizes: int = 0
) -> cst.Call:
    upgrade_constructor(context, cls, arguments, sizes)
    if issubclass(cls, Layer):
        upgrade_sizes(context, arguments)
    add_defaults(context, cls, arguments)
    shape = arguments.source("batch_input_shape")
    if shape is not None and context.is_for_keras and issubclass(cls, Layer):
        arguments.remove("batch_input_shape")
    is_layer = issubclass(cls, Layer) and "weights" not in known_arguments(cls)
    weights = arguments.source("weights") if is_layer else None
    new = call.with_changes(args=arguments.finished())
    if shape is not None and context.is_for_keras:
        context.batch_shapes[id(new)] = shape
    if weights is not None:
        context.weights[id(new)] = weights
    return new


def _former(
    context: Context, name: str, arguments: Arguments, call: cst.Call
) -> cst.Call:
    """Return a call of a renamed layer, with its present name and arguments."""
    new, sizes, fixed = FORMER[name]
    context.count += 1
    arguments.remove("output_shape")
    for option, value in fixed.items():
        arguments.add(option, repr(value))
    return _constructed(context, getattr(layers, new), arguments, call, sizes)


def _renamed(
    context: Context, name: str, value: object, arguments: Arguments, call: cst.Call
) -> cst.Call:
    module = getattr(value, "__module__", "").rpartition(".")[2]
    table = FUNCTIONS.get(name) or FUNCTIONS.get(f"{module}.{name}")
    if table is None:
        return call
    rename_all(context, arguments, table)
    return call.with_changes(args=arguments.finished())


def _merged(
    context: Context, arguments: Arguments, call: cst.Call
) -> cst.BaseExpression:
    """Return a call of the layer that merges tensors as `merge` did."""
    arguments.name_positional(("inputs", "mode", "dot_axes", "concat_axis"))
    sources = {n: arguments.source(n) for n in arguments.names}
    inputs, mode = sources.get("inputs"), sources.get("mode") or "'sum'"
    layer = MERGES.get(mode.strip("'\""))
    if inputs is None or (layer is None and mode[:1] in "'\""):
        context.note(f"merge(mode={mode}) has no translation here")
        return call
    context.count += 1
    options = [f"name={sources['name']}"] if "name" in sources else []
    if layer is None:
        function = code_of(context.chain("layers.Lambda"))
        return expression(f"{function}({', '.join([mode, *options])})({inputs})")
    if layer == "Concatenate":
        options.append(f"axis={sources.get('concat_axis') or -1}")
    if layer == "Dot":
        options.append(f"axes={sources.get('dot_axes') or -1}")
        options += ["normalize=True"] if "cos" in mode else []
    function = code_of(context.chain(f"layers.{layer}"))
    return expression(f"{function}({', '.join(options)})({inputs})")


def _written(
    context: Context, function: FunctionType, arguments: Arguments, call: cst.Call
) -> cst.BaseExpression:
    """Return the body of a function, or a call of its definition in the program."""
    is_tensorflow = function.__module__.startswith("lamina.compat.tensorflow")
    if is_tensorflow and not _may_have_text(call):
        declared = _declared(context, function, arguments)
        if declared is not None:
            return declared
        function = getattr(arrays, function.__name__, function)
    template = None if arguments.has_stars else template_of(function, context.root)
    source = None
    if template is not None and ast.unparse(template.body) == "None":
        source = "None"
    elif template is not None:
        values = _values(template.parameters, arguments)
        source = None if values is None else substituted(template, values, context.root)
    if template is not None and source is not None:
        context.imports |= template.imports
        context.count += 1
        return expression(source)
    name = None if is_tensorflow else context.helper(function)
    if name is None:
        needs = "needs TensorFlow" if is_tensorflow else "has no translation here"
        context.note(f"{code_of(call.func)} {needs}")
        return call
    context.count += 1
    return call.with_changes(func=cst.Name(name))


def _declared(
    context: Context, function: FunctionType, arguments: Arguments
) -> cst.BaseExpression | None:
    """Return a call of `keras.ops` for a declared function of TensorFlow."""
    target, positional, named = arrays.declaration_of(function)
    order = [*positional, *named]
    is_known = bool(target) and not arguments.has_stars
    if not is_known or len(arguments.positional) > len(order):
        return None
    values = dict(zip(order, map(_source, arguments.positional), strict=False))
    values |= {name: arguments.source(name) or "" for name in arguments.names}
    values.pop("name", None)
    if values.get("dtype", "").isdigit():
        # TensorFlow takes the number of an element type too.
        values["dtype"] = repr(str(dtype_of(int(values["dtype"]))))
    option, default = arrays.DEFAULTS.get(target, ("", ""))
    if option:
        values.setdefault(option, default)
    first = [n for n in positional if n in values]
    if first != positional[: len(first)] or not values.keys() <= set(order):
        return None
    first = [values.pop(n) for n in first]
    rest = [f"{named[name]}={value}" for name, value in values.items()]
    context.count += 1
    name = code_of(context.chain(f"ops.{target}"))
    return expression(f"{name}({', '.join([*first, *rest])})")


def _source(node: cst.Arg) -> str:
    return code_of(node.value)


def _may_have_text(call: cst.Call) -> bool:
    """Return whether the first argument of `tf.constant` may be text."""
    source = code_of(call.args[0].value) if call.args else ""
    is_literal = source[:1].isdigit() or source[:1] in "-[("
    takes_text = code_of(call.func).rpartition(".")[2] in _TAKE_TEXT
    has_quotes = any(quote in source for quote in "'\"")
    return takes_text and (has_quotes or not is_literal)


# Functions of TensorFlow that make arrays of text too.
_TAKE_TEXT = ("constant", "convert_to_tensor")


def _defined(context: Context, cls: type, call: cst.Call) -> cst.Call:
    """Return a call of a class that is written into the program."""
    name = context.helper(cls)
    if name is None:
        context.note(f"{code_of(call.func)} has no translation here")
        return call
    context.count += 1
    return call.with_changes(func=cst.Name(name))


def _values(
    parameters: dict[str, str | None], arguments: Arguments
) -> dict[str, str] | None:
    """Return the source of each parameter, None if one is missing."""
    values = {n: d for n, d in parameters.items() if d is not None}
    for name, node in zip(parameters, arguments.positional, strict=False):
        values[name] = code_of(node.value)
    for name in arguments.names:
        if name in parameters:
            values[name] = arguments.source(name) or ""
    is_complete = values.keys() == parameters.keys()
    return values if is_complete else None


def upgrade_addition(context: Context, call: cst.Call) -> cst.Call:
    """Return `model.add(layer)`, after which weights of the layer are assigned."""
    layer = call.args[0].value if len(call.args) == 1 else None
    weights = context.weights.pop(id(layer), None)
    if layer is None or weights is None:
        return call
    layer = cst.ensure_type(layer, cst.Call)
    arguments = Arguments(layer.args)
    arguments.remove("weights")
    new = layer.with_changes(args=arguments.finished())
    if id(layer) in context.batch_shapes:
        context.batch_shapes[id(new)] = context.batch_shapes.pop(id(layer))
    context.assigned[id(new)] = weights
    context.count += 1
    return call.with_changes(args=[call.args[0].with_changes(value=new)])


def upgrade_method(context: Context, call: cst.Call) -> cst.BaseExpression:
    """Return the call of a method of an unknown object in today's form."""
    function: Any = call.func
    name = function.attr.value
    arguments = Arguments(call.args)
    if name == "add":
        return upgrade_addition(context, call)
    if name in methods.FORMER_METHODS:
        return _former_method(context, name, arguments, call)
    if name in ("predict_classes", "reset_states") and not arguments.has_stars:
        helper = context.helper(getattr(methods, name)) or name
        context.count += 1
        model = cst.Arg(function.value)
        return call.with_changes(func=cst.Name(helper), args=[model, *call.args])
    if name == "numpy" and not call.args:
        context.count += 1
        new = context.chain("ops.convert_to_numpy")
        return cst.Call(new, [cst.Arg(function.value)])
    if name in ("save", "save_weights", "load_weights"):
        return call
    table = FUNCTIONS.get(f"Trainer.{name}")
    if table is None:
        return call
    if name == "compile":
        arguments = Arguments(upgrade_optimizer(context, call).args)
    rename_all(context, arguments, table)
    add_method_defaults(context, name, arguments)
    return call.with_changes(args=arguments.finished())


def _former_method(
    context: Context, name: str, arguments: Arguments, call: cst.Call
) -> cst.Call:
    """Return the call of a method that has another name today."""
    parameters = inspect.signature(getattr(methods, name)).parameters.values()
    names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    arguments.name_positional(["", *names[2:]])
    arguments.rename("generator", "x")
    rename_all(context, arguments, FUNCTIONS.get(name, {}))
    for old, new in (("samples_per_epoch", "steps_per_epoch"), ("val_samples", None)):
        _count_batches(context, name, arguments, old, new)
    context.count += 1
    new = cst.ensure_type(call.func, cst.Attribute).with_changes(
        attr=cst.Name(methods.FORMER_METHODS[name])
    )
    return call.with_changes(func=new, args=arguments.finished())


def _count_batches(
    context: Context, name: str, arguments: Arguments, old: str, new: str | None
) -> None:
    """Replace a number of samples by one of batches."""
    samples = arguments.source(old)
    if samples is None:
        return
    if new is None:
        is_fit = name == "fit_generator"
        new = "validation_steps" if is_fit else "steps"
    source = arguments.source("validation_data") if new == "validation_steps" else None
    source = source or code_of(arguments.nodes[0].value)
    size = _batch_size(source)
    arguments.remove(old)
    count = ast.unparse(ast.parse(f"-(-({samples}) // ({size or 32}))"))
    arguments.add(new, count)
    if size is None:
        context.note(
            f"{new} counts batches: {old} divided by the batch size, if not 32"
        )


def _batch_size(source: str) -> str | None:
    """Return the argument `batch_size` of a call, None if there is none."""
    node = cst.parse_expression(source)
    if not isinstance(node, cst.Call):
        return None
    return Arguments(node.args).source("batch_size")
