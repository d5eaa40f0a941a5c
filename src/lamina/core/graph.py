"""Symbolic tensors, and the graph that operations on them record.

`@op` makes a JAX function into one that also accepts variables and symbolic tensors.
Shapes come from `jax.eval_shape`: an unknown dimension is evaluated at two sizes, and
whatever differs in the result is unknown too. Where that fails, an unknown dimension
takes the size of a known one that it meets: (None, 3) with (2, None) gives (2, 3).
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, islice
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp

from lamina.core.budget import check_output
from lamina.core.check import require_dense
from lamina.core.dtypes import standardize_dtype
from lamina.core.fork import use_device
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Module
from lamina.core.scope import StateScope, local
from lamina.core.tracebacks import shorten
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError

__all__ = ["Node", "SymbolicTensor", "infer", "is_symbolic", "op", "walk"]

F = TypeVar("F", bound=Callable[..., Any])

# Both are divisible by small powers of two, so that pooling, striding and reshaping
# of an unknown dimension work out as they would for a fitting real one.
_PROBES = (960, 1920)

# How often a call that fails is tried with unknown dimensions of other sizes.
_MOST_MATCHES = 32

# Sizes of unknown dimensions, by the tensor's `id` and the axis.
Sizes: TypeAlias = dict[tuple[int, int], int]


class SymbolicTensor:
    """A tensor without values: what `Input` returns and layers are wired with.

    Args:
        shape: `None` for dimensions not known yet.
        dtype: element type.
        sparse: must be False; arrays are dense.
        ragged: must be False; arrays are dense.
        name: shown in summaries.
        node: the operation that makes it; `None` for an input.

    Raises:
        ArgumentError: `sparse` or `ragged` is True.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        name: str | None = None,
        node: Node | None = None,
    ) -> None:
        require_dense("KerasTensor", sparse, ragged)
        self.sparse, self.ragged = False, False
        self.shape = tuple(shape)
        self.dtype = standardize_dtype(dtype)
        self.name = name or "tensor"
        self.node = node
        self.layer: Any = None  # of an input: the layer that stands for it
        self.mask: tuple[int | None, ...] | None = None  # the shape of its mask

    @property
    def ndim(self) -> int:
        """The number of dimensions, the batch included."""
        return len(self.shape)

    def __repr__(self) -> str:
        return (
            f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"
        )

    def _refuse(self, *_: Any) -> Any:
        raise ArgumentTypeError(
            f"{self!r} has no values yet: it stands for data that a model will get. "
            "Use layers and `lamina.ops` on it, or call a model on real data."
        )

    # Without `__jax_array__`, a JAX array on the left of an operator leaves it to the
    # symbolic tensor on the right; the priority says the same to NumPy arrays.
    __array__ = __bool__ = __float__ = __int__ = __iter__ = __len__ = _refuse
    __array_priority__ = 1000


class Node:
    """One operation in a graph: what was called on which tensors."""

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
        """The number of arrays, and of thousands of elements, in arguments and results.

        The time of a call in a graph depends on it, besides on the operation.
        """
        values = jax.tree.leaves((self.args, self.kwargs, self.outputs))
        return sum(1 + getattr(v, "size", 0) // 1000 for v in values)

    def run(self, tensors: dict[int, Any], told: Mapping[str, Any]) -> Any:
        """Call the operation, each symbolic tensor replaced by its value.

        Args:
            tensors: the values, by the `id` of the symbolic tensor.
            told: keyword arguments that count more than those of the recorded call.
        """
        args, kwargs = map_symbolic(lambda t: tensors[id(t)], (self.args, self.kwargs))
        return self.operation(*args, **{**kwargs, **told})


def _is_leaf(value: Any) -> bool:
    return isinstance(value, (SymbolicTensor, Variable))


def symbolic_leaves(tree: Any) -> list[SymbolicTensor]:
    """The symbolic tensors in nested lists, tuples and dictionaries."""
    leaves = jax.tree.leaves(tree, is_leaf=_is_leaf)
    return [v for v in leaves if isinstance(v, SymbolicTensor)]


def map_symbolic(function: Callable[[SymbolicTensor], Any], tree: Any) -> Any:
    """The same tree, each symbolic tensor replaced."""
    return jax.tree.map(
        lambda v: function(v) if isinstance(v, SymbolicTensor) else v,
        tree,
        is_leaf=_is_leaf,
    )


def is_symbolic(args: Iterable[Any]) -> bool:
    """Whether a symbolic tensor is among arguments or in lists of them."""
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


def infer(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Output shapes and types of a call on symbolic tensors, as symbolic tensors."""
    leaves = symbolic_leaves((args, kwargs))
    unknown = any(None in t.shape for t in leaves)

    def evaluate(sizes: Sizes) -> list[Any]:
        probes = _PROBES[: 1 + unknown]
        return [_evaluate(function, args, kwargs, p, sizes) for p in probes]

    try:
        results = evaluate({})
    except Exception:
        results = _first_that_works(evaluate, islice(_matches(leaves), _MOST_MATCHES))
        if results is None:
            raise
    specs, masks = zip(*results, strict=True)
    outputs = jax.tree.map(
        lambda *some: SymbolicTensor(_merged(some), some[0].dtype), *specs
    )
    for tensor, *some in zip(symbolic_leaves(outputs), *masks, strict=True):
        tensor.mask = None if some[0] is None else _merged(some)
    return outputs


def _first_that_works(
    evaluate: Callable[[Sizes], list[Any]], candidates: Iterable[Sizes]
) -> list[Any] | None:
    for sizes in candidates:
        with suppress(Exception):
            return evaluate(sizes)
    return None


def _matches(leaves: Sequence[SymbolicTensor]) -> Iterator[Sizes]:
    """Sizes for unknown dimensions, from known ones of the other tensors.

    Dimensions are paired from the last axis on, as in broadcasting, then from the first
    axis on. One of them is set first, then all, then several; so that what may stay
    unknown mostly does.
    """
    tensors = list({id(t): t for t in leaves}.values())
    unknown = [(t, a) for t in tensors for a in range(t.ndim) if t.shape[a] is None]
    last = _paired(tensors, [(t, a, a - t.ndim) for t, a in unknown])
    first = _paired(tensors, [(t, a, a) for t, a in unknown])
    for count in (1, len(unknown), *range(2, len(unknown))):
        yield from map(dict, combinations(last, count))
        yield from map(dict, combinations(first, count))
        if count == 1:
            for tensor, axis in unknown:
                others = [n for t in tensors if t is not tensor for n in t.shape]
                for size in dict.fromkeys(n for n in others if n is not None):
                    yield {(id(tensor), axis): size}


def _paired(
    tensors: Sequence[SymbolicTensor],
    unknown: Sequence[tuple[SymbolicTensor, int, int]],
) -> list[tuple[tuple[int, int], int]]:
    """The size at an axis of the other tensors, for each that is unknown in one."""
    found: list[tuple[tuple[int, int], int]] = []
    for tensor, place, axis in unknown:
        others = [t.shape for t in tensors if t is not tensor]
        sizes = [s[axis] for s in others if -len(s) <= axis < len(s)]
        known = [n for n in sizes if n is not None and n != 1]
        found += [((id(tensor), place), n) for n in known[:1]]
    return found


def _merged(specs: Sequence[Any]) -> tuple[int | None, ...]:
    """The shape that evaluations at different sizes have in common."""
    sizes = zip(*(spec.shape for spec in specs), strict=True)
    return tuple(some[0] if len(set(some)) == 1 else None for some in sizes)


def _evaluate(
    function: Callable[..., Any], args: Any, kwargs: Any, probe: int, sizes: Sizes
) -> tuple[Any, list[Any]]:
    """The output's shapes for a size of unknown dimensions, and those of masks.

    Args:
        function: what is called.
        args: its positional arguments.
        kwargs: its keyword arguments.
        probe: the size of unknown dimensions.
        sizes: those of some of them instead.
    """
    leaves = symbolic_leaves((args, kwargs))
    owner = [m for m in [getattr(function, "__self__", None)] if isinstance(m, Module)]

    def known(tensor: SymbolicTensor, shape: Sequence[int | None]) -> list[int]:
        return [
            sizes.get((id(tensor), axis), probe) if n is None else n
            for axis, n in enumerate(shape)
        ]

    def call(values: list[Any]) -> Any:
        found = {id(t): v for t, v in zip(leaves, values, strict=True)}
        for tensor in leaves:
            if tensor.mask is not None:
                set_mask(found[id(tensor)], jnp.ones(known(tensor, tensor.mask), bool))
        real_args, real_kwargs = map_symbolic(lambda t: found[id(t)], (args, kwargs))
        # Whatever the call assigns is forgotten with the scope.
        with StoredAttributes(owner), StateScope():
            outputs = function(*real_args, **real_kwargs)
        return outputs, [get_mask(leaf) for leaf in jax.tree.leaves(outputs)]

    before, local.call = local.call, None
    try:
        specs = [jax.ShapeDtypeStruct(known(t, t.shape), t.dtype) for t in leaves]
        return jax.eval_shape(call, specs)
    except Exception as error:
        _show_unknown(error, probe)
        raise
    finally:
        local.call = before


def _show_unknown(error: Exception, probe: int) -> None:
    """Write `None` in an error's text for sizes that nobody gave."""

    def shown(value: Any) -> Any:
        text = isinstance(value, str)
        return re.sub(rf"\b{probe}\b", "None", value) if text else value

    error.args = tuple(map(shown, error.args))
    if hasattr(error, "__notes__"):
        error.__notes__ = list(map(shown, error.__notes__))


def record(
    operation: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    function: Callable[..., Any] | None = None,
) -> Any:
    """Add a call to the graph; returns its symbolic outputs.

    Args:
        operation: what the node will call when the graph runs.
        args: positional arguments, symbolic tensors among them.
        kwargs: keyword arguments.
        function: what shapes are inferred from, when not `operation`.
    """
    node = Node(operation, args, kwargs)
    if local.budget is not None:
        local.budget.take_calls(1, node.count_values())
    outputs = infer(function or operation, args, kwargs)
    for tensor in symbolic_leaves(outputs):
        check_output(node.name, tensor.shape, tensor.dtype)
        tensor.node, tensor.name = node, node.name
    node.outputs = outputs
    if local.budget is not None:
        local.budget.take_calls(1, node.count_values())
    return outputs


def _array(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


def op(function: F) -> F:
    """Let a JAX function take variables and symbolic tensors as well as arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> @op
        ... def double(x):
        ...     return jnp.multiply(x, 2)
        >>> double(SymbolicTensor((None, 3))).shape
        (None, 3)
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
                _require_known_sizes(function, args, kwargs)
                return record(call, args, kwargs, function=plain)
            return plain(*args, **kwargs)
        except Exception as error:
            shorten(error)
            raise

    def plain(*args: Any, **kwargs: Any) -> Any:
        use_device()
        args = tuple(_flat_array(a) for a in args)
        return function(*args, **{k: _flat_array(v) for k, v in kwargs.items()})

    return call  # type: ignore[return-value]


@functools.cache
def _sizes_of(function: Callable[..., Any]) -> list[tuple[int, str]]:
    """Place and name of the parameters that are sizes or axes."""
    parameters = inspect.signature(function).parameters.values()
    return [
        (i, p.name)
        for i, p in enumerate(parameters)
        if re.search(r"Sequence\[int|Shape|Axis|Sizes|Parts", str(p.annotation))
    ]


def _require_known_sizes(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    # Taken for a sequence, an array would be gone through one element after another.
    for place, name in _sizes_of(function):
        given = [*args[place : place + 1], kwargs.get(name)]
        if is_symbolic(given):
            raise ArgumentTypeError(
                f"{function.__name__}: `{name}` must be numbers that are known when "
                f"the model is made. Received: {name}={given[0]!r}."
            )


def _flat_array(value: Any) -> Any:
    if isinstance(value, Variable):
        return value.value
    if isinstance(value, (list, tuple)):
        return (
            type(value)(_array(v) for v in value) if _plain_sequence(value) else value
        )
    return value


def _plain_sequence(value: Any) -> bool:
    return type(value) in (list, tuple) and any(isinstance(v, Variable) for v in value)


def walk(outputs: Any, inputs: Sequence[SymbolicTensor]) -> Iterator[Node]:
    """The nodes between inputs and outputs, in an order they can run in.

    Raises:
        ArgumentError: an output depends on an input that is not among `inputs`.
    """
    done = {id(t) for t in inputs}
    finished: set[int] = set()
    stack: list[tuple[SymbolicTensor, bool]] = [
        (t, False) for t in reversed(symbolic_leaves(outputs))
    ]
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
