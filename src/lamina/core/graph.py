"""Symbolic tensors, and the graph that operations on them record.

`@op` lets a JAX function also accept variables and symbolic tensors. Shapes come from
`jax.eval_shape`: unknown dimensions are evaluated at two sizes, and whatever differs
between the two results is unknown too. If that fails at small sizes as well, an unknown
dimension takes the size of a known one of another tensor: (None, 3) with (2, None)
gives (2, 3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast, overload

import jax
import jax.numpy as jnp

from lamina.core.check import checked_shape
from lamina.core.dtypes import shape_to_trace, standardize_dtype
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Module, signature
from lamina.core.process import use_device
from lamina.core.scope import StateScope, local, override
from lamina.core.tracing.arguments import as_array
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.tracing.key_order import with_key_order
from lamina.core.tracing.unknown_sizes import (
    PROBES,
    SMALL_PROBES,
    Sizes,
    candidate_sizes,
    hide_unknown_sizes,
    is_shape_error,
    merged_shape,
    operand_shape_error,
    sizes_in_error,
)
from lamina.core.untrusted import check_output
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, invalid
from lamina.tracebacks import filter_traceback, shorten
from lamina.typing import DTypeLike, PyTree

F = TypeVar("F", bound=Callable[..., Any])


class SymbolicTensor:
    """A tensor without values, as `Input` and layers called on it return.

    Args:
        shape: `None` for dimensions not known yet.
        dtype: element type.
        sparse: whether it stands for sparse data, for code that asks; ops treat it as
            dense.
        ragged: whether it stands for rows of different lengths, for code that asks.
        record_history: whether operations on it become part of a graph; otherwise only
            their shapes are inferred.
        name: shown in summaries.
        ragged_rank: number of ragged axes, for code that asks.
        row_splits_dtype: element type of the row lengths, for code that asks.
        node: the operation that makes it; `None` for an input.

    Raises:
        ArgumentError: the shape is not valid, or both `sparse` and `ragged` are True.

    Example:
        >>> x = lamina.KerasTensor((None, 3))
        >>> lamina.ops.sum(x, axis=0).shape
        (3,)
        >>> (x + 1).shape
        (None, 3)
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: DTypeLike = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        *,
        ragged_rank: int | None = None,
        row_splits_dtype: DTypeLike = None,
        node: Node | None = None,
    ) -> None:
        if sparse and ragged:
            raise invalid("KerasTensor", "ragged", ragged, "False if `sparse` is True")
        self.sparse, self.ragged = sparse, ragged
        self.row_splits_dtype = (
            None if row_splits_dtype is None else standardize_dtype(row_splits_dtype)
        )
        self.ragged_rank = ragged_rank
        self.record_history = record_history
        self.shape = checked_shape("KerasTensor", shape)
        self.dtype = standardize_dtype(dtype)
        self.name = name or "tensor"
        self.node = node
        self.layer: Any = None  # of an input: its `InputLayer`
        self.mask: tuple[int | None, ...] | None = None  # the shape of its mask

    @property
    def ndim(self) -> int:
        """The number of dimensions, the batch included."""
        return len(self.shape)

    @property
    def _keras_mask(self) -> SymbolicTensor | None:  # as code for Keras reads it
        return None if self.mask is None else SymbolicTensor(self.mask, "bool")

    def __repr__(self) -> str:
        text = f"shape={self.shape}, dtype={self.dtype}, name={self.name}"
        return f"<SymbolicTensor {text}>"

    @filter_traceback
    def _refuse(self, *_: object, **__: object) -> Any:
        raise ArgumentTypeError(
            f"{self!r} has no values yet: it describes the data of a model. Use layers "
            "and `lamina.ops` on it, such as `ops.where(condition, a, b)` in place of "
            "`if`, or call a model on real data."
        )

    # Without `__jax_array__`, JAX arrays on the left of an operator defer to the
    # symbolic tensor on the right; the priority makes NumPy arrays defer too.
    __array__ = __bool__ = __float__ = __int__ = __iter__ = __len__ = _refuse
    __array_priority__ = 1000


class Node:
    """One call in a graph: the operation, its arguments and its outputs."""

    def __init__(
        self,
        operation: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.inputs = symbolic_leaves((args, kwargs))
        self.outputs: Any = None

    @property
    def name(self) -> str:
        """The name of the layer or function called."""
        operation = self.operation
        return getattr(operation, "name", None) or operation.__name__

    def count_values(self) -> int:
        """Count arrays, and thousands of elements, in arguments and results.

        The cost of a call depends on it besides the operation.
        """
        values = jax.tree.leaves((self.args, self.kwargs, self.outputs))
        return sum(1 + getattr(v, "size", 0) // 1000 for v in values)


def _is_leaf(value: object) -> bool:
    return isinstance(value, (SymbolicTensor, Variable))


def symbolic_leaves(tree: PyTree) -> list[SymbolicTensor]:
    """Return the symbolic tensors in nested lists, tuples and dictionaries."""
    leaves = jax.tree.leaves(tree, is_leaf=_is_leaf)
    return [v for v in leaves if isinstance(v, SymbolicTensor)]


def map_symbolic(function: Callable[[SymbolicTensor], Any], tree: PyTree) -> Any:
    """Return a tree in which each symbolic tensor is replaced by a function of it."""
    found = jax.tree.map(
        lambda v: function(v) if isinstance(v, SymbolicTensor) else v,
        tree,
        is_leaf=_is_leaf,
    )
    return with_key_order(tree, found)


def is_symbolic(args: Iterable[Any]) -> bool:
    """Return whether arguments, or containers among them, have a symbolic tensor."""
    for value in args:
        if isinstance(value, SymbolicTensor):
            return True
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, (list, tuple)):
            continue
        if is_symbolic(value):
            return True
    return False


def infer(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Infer the outputs of a call on symbolic tensors, as symbolic tensors."""
    shapes = {id(t): t.shape for t in symbolic_leaves((args, kwargs))}
    probes = PROBES if any(None in shape for shape in shapes.values()) else PROBES[:1]

    def evaluate(sizes: Sizes, probes: Sequence[int] = probes) -> list[Any]:
        return _evaluate(function, args, kwargs, probes, sizes)

    def evaluate_at_other_sizes(error: Exception) -> list[Any] | None:
        for others in SMALL_PROBES if probes == PROBES else ():
            with suppress(Exception):
                return evaluate({}, others)
        leaves = jax.tree.leaves((args, kwargs), is_leaf=_is_leaf)
        integers = [v for v in leaves if type(v) is int and v > 0]
        # A function may also use arrays, whose sizes the error names.
        integers += sizes_in_error(error)
        for sizes in candidate_sizes(shapes, integers):
            with suppress(Exception):
                return evaluate(sizes)
        return None

    try:
        results = evaluate({})
    except Exception as error:
        results = evaluate_at_other_sizes(error)
        if results is None:
            for probe in probes[1:]:
                try:
                    _evaluate(function, args, kwargs, [probe], {})
                except Exception as other:
                    hide_unknown_sizes(error, other)
            if is_shape_error(error):
                raise operand_shape_error(error) from None
            raise
    specs, masks = zip(*results, strict=True)
    outputs = jax.tree.map(
        lambda *some: SymbolicTensor(merged_shape(some), some[0].dtype), *specs
    )
    for tensor, *some in zip(symbolic_leaves(outputs), *masks, strict=True):
        tensor.mask = None if some[0] is None else merged_shape(some)
    return outputs


def _evaluate(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    probes: Sequence[int],
    sizes: Sizes,
) -> list[Any]:
    """Evaluate the shapes of a call's outputs and of their masks, for each probe.

    Unknown dimensions have the size of the probe, with the exceptions in `sizes`.
    """
    leaves = symbolic_leaves((args, kwargs))
    owner = [m for m in [getattr(function, "__self__", None)] if isinstance(m, Module)]

    def known(tensor: SymbolicTensor, shape: Sequence[int | None], p: int) -> list[int]:
        return [
            sizes.get((id(tensor), axis), p) if n is None else n
            for axis, n in enumerate(shape)
        ]

    def call(probe: int, values: list[Any]) -> tuple[Any, list[Any]]:
        found = {id(t): v for t, v in zip(leaves, values, strict=True)}
        for tensor in leaves:
            if tensor.mask is not None:
                mask = jnp.ones(known(tensor, tensor.mask, probe), bool)
                set_mask(found[id(tensor)], mask)
        real_args, real_kwargs = map_symbolic(lambda t: found[id(t)], (args, kwargs))
        # The scope discards all assignments of the call.
        with StoredAttributes(owner), StateScope():
            outputs = function(*real_args, **real_kwargs)
        return outputs, [get_mask(leaf) for leaf in jax.tree.leaves(outputs)]

    with override(call=None, infers_shapes=True):
        specs = [
            [shape_to_trace(known(t, t.shape, p), t.dtype) for t in leaves]
            for p in probes
        ]
        # In one trace, which takes less time than one for each.
        return jax.eval_shape(lambda values: list(map(call, probes, values)), specs)


def record(
    operation: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    function: Callable[..., Any] | None = None,
    spec: Callable[..., Any] | None = None,
) -> Any:
    """Add a call to the graph and return its symbolic outputs.

    Args:
        operation: the function that the node calls when the graph runs.
        args: positional arguments, symbolic tensors among them.
        kwargs: keyword arguments.
        function: the function to infer shapes from, if not `operation`.
        spec: the function that returns the symbolic outputs, instead of inference.
    """
    node = Node(operation, args, kwargs)
    if local.budget is not None:
        local.budget.take_calls(1, node.count_values())
    inferred = functools.partial(infer, function or operation)
    outputs = spec(*args, **kwargs) if spec else inferred(args, kwargs)
    is_recorded = all(tensor.record_history for tensor in node.inputs)
    for tensor in symbolic_leaves(outputs):
        check_output(node.name, tensor.shape, tensor.dtype)
        tensor.node, tensor.name = node if is_recorded else None, node.name
        tensor.record_history = is_recorded
    node.outputs = outputs
    if local.budget is not None:
        local.budget.take_calls(1, node.count_values())
    return outputs


@overload
def op(function: F, *, static: Sequence[str] = ()) -> F: ...


@overload
def op(*, static: Sequence[str]) -> Callable[[F], F]: ...


def op(
    function: F | None = None, *, static: Sequence[str] = ()
) -> F | Callable[[F], F]:
    """Let a JAX function take variables and symbolic tensors as well as arrays.

    Args:
        function: the function.
        static: names of parameters, such as axes and sizes, that must be known when
            a functional model is built.

    Example:
        >>> import jax.numpy as jnp
        >>> @op(static=["factor"])
        ... def scale(x, factor):
        ...     return jnp.multiply(x, factor)
        >>> scale(SymbolicTensor((None, 3)), 2).shape
        (None, 3)
    """
    if function is None:
        return functools.partial(op, static=static)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        try:
            if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
                _require_known(function, static, args, kwargs)
                return record(call, args, kwargs, function=plain)
            if local.recorder is not None:
                return local.recorder(plain, args, kwargs)
            return plain(*args, **kwargs)
        except Exception as error:
            shorten(error)
            raise

    def plain(*args: object, **kwargs: object) -> Any:
        use_device()
        values = map(as_array, args)
        return function(*values, **{k: as_array(v) for k, v in kwargs.items()})

    return cast("F", call)


def _require_known(
    function: Callable[..., Any],
    static: Sequence[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    given = {**dict(zip(signature(function).parameters, args, strict=False)), **kwargs}
    for name in static:
        if is_symbolic([given.get(name)]):
            raise ArgumentTypeError(
                f"{function.__name__}: `{name}` must be integers that are known when "
                f"the model is made. Received: {name}={given[name]!r}."
            )


def walk(outputs: PyTree, inputs: Sequence[SymbolicTensor]) -> Iterator[Node]:
    """Yield the nodes between inputs and outputs in topological order.

    Raises:
        ArgumentError: an output depends on an input that is not among `inputs`.
    """
    done = {id(t) for t in inputs}
    finished: set[int] = set()
    stack = [(t, False) for t in reversed(symbolic_leaves(outputs))]
    while stack:
        tensor, ready = stack.pop()
        node = tensor.node
        if id(tensor) in done or (node is not None and id(node) in finished):
            continue
        if node is None:
            raise ArgumentError(
                f"The outputs depend on {tensor!r}, which is not among the model's "
                "inputs. Add it to `inputs`."
            )
        if ready:
            finished.add(id(node))
            yield node
        else:
            stack.append((tensor, True))
            stack.extend((t, False) for t in reversed(node.inputs))
