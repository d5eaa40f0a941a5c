"""Functions of `tensorflow` that call functions: branches, loops and maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TextIO

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina import ops
from lamina.compat.tensorflow.base.tensors import constant, on_host, tensor
from lamina.errors import StateError
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, DTypeLike, PyTree

_print = print


def cond(
    pred: Tensor,
    true_fn: Callable[[], Any],
    false_fn: Callable[[], Any],
    name: str | None = None,
) -> Any:
    """Call one of two functions, which a condition selects."""
    if isinstance(pred, Tracer):
        return ops.cond(pred, true_fn, false_fn)
    return true_fn() if pred else false_fn()


def case(
    pred_fn_pairs: Sequence[tuple[Any, Callable[[], Any]]],
    default: Callable[[], Any] | None = None,
    **_: object,
) -> Any:
    """Call the function of the first condition that is true, or `default`."""
    for condition, function in pred_fn_pairs:
        if condition:
            return function()
    return default() if default is not None else None


def switch_case(
    branch_index: ArrayLike,
    branch_fns: Any,  # functions, or pairs of an index and a function
    default: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """Call the function at an index, or the default, which may be the last function."""
    if isinstance(branch_fns, Mapping) or isinstance(branch_fns[0], tuple):
        branches = dict(branch_fns)
    else:
        branches = dict(enumerate(branch_fns))
    other = branches[max(branches)] if default is None else default
    if not isinstance(branch_index, Tracer):
        return branches.get(int(np.asarray(branch_index)), other)()
    calls = [branches.get(i, other) for i in range(max(branches) + 1)]
    is_known = (branch_index >= 0) & (branch_index < len(calls))
    return ops.switch(jnp.where(is_known, branch_index, len(calls)), [*calls, other])


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Sequence[Any],
    shape_invariants: PyTree = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: int | None = None,
    name: str | None = None,
) -> Any:
    """Call a function on its results as long as a condition is true."""
    values: Any = tuple(loop_vars)
    steps = 0
    while (maximum_iterations is None or steps < maximum_iterations) and cond(
        *_as_tuple(values)
    ):
        values = body(*_as_tuple(values))
        steps += 1
    return values


def _as_tuple(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, (list, tuple)) else (values,)


def _rows(elems: PyTree) -> list[Any]:
    count = len(jax.tree.leaves(elems)[0])
    return [jax.tree.map(lambda x, i=i: x[i], elems) for i in range(count)]


def _stack(items: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *parts: ops.stack(parts), *items)


def map_fn(fn: Callable[..., Any], elems: PyTree, *_: object, **__: object) -> Any:
    """Apply a function to each row, and stack the results."""
    return _stack([fn(row) for row in _rows(elems)])


def vectorized_map(fn: Callable[..., Any], elems: PyTree, **_: object) -> Any:
    """Apply a function to all rows at once."""
    return ops.vectorized_map(fn, elems)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: PyTree,
    initializer: PyTree = None,
    **_: object,
) -> Any:
    """Combine the rows from the first to the last, and stack all results."""
    rows = _rows(elems)
    found = [rows.pop(0)] if initializer is None else []
    state = found[0] if found else initializer
    for row in rows:
        state = fn(state, row)
        found.append(state)
    return _stack(found)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: PyTree,
    initializer: PyTree = None,
    **_: object,
) -> Any:
    """Combine the rows from the first to the last."""
    rows = _rows(elems)
    state = rows.pop(0) if initializer is None else initializer
    for row in rows:
        state = fn(state, row)
    return state


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: PyTree,
    initializer: PyTree = None,
    **_: object,
) -> Any:
    """Combine the rows from the last to the first."""
    backwards = jax.tree.map(lambda x: ops.flip(x, axis=0), elems)
    return foldl(fn, backwards, initializer)


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as it is: XLA chooses what it recomputes."""
    return f


def py_function(
    func: Callable[..., Any] | None = None,
    inp: Sequence[Any] | None = None,
    Tout: PyTree = None,
    name: str = "",
) -> Any:
    """Call a Python function on tensors; without one, return a decorator of it."""
    if func is None:
        return lambda function: lambda *args: py_function(function, args, Tout)
    found = func(*(inp or ()))
    if not isinstance(Tout, (list, tuple)):
        return _as_tensor(found, Tout)
    return list(map(_as_tensor, found or (), Tout))


def _as_tensor(value: object, dtype: Any) -> Any:
    is_tensor = value is None or dtype is None or hasattr(value, "dtype")
    return value if is_tensor else constant(value, dtype)


def numpy_function(
    func: Callable[..., Any], inp: Sequence[Any], Tout: PyTree = None, **_: object
) -> Any:
    """Call a function on NumPy arrays."""
    found = func(*[np.asarray(x) for x in inp])
    return jax.tree.map(on_host, found)


def print(
    *inputs: object,
    output_stream: TextIO | Literal["print"] | None = None,
    end: str = "\n",
    **_: object,
) -> None:
    """Print values, also from compiled functions."""
    if any(isinstance(x, Tracer) for x in jax.tree.leaves(inputs)):
        jax.debug.print(" ".join("{}" for _ in inputs), *inputs)
        return
    shown = [np.asarray(x) if isinstance(x, jax.Array) else x for x in inputs]
    _print(*shown, end=end, file=output_stream if output_stream != "print" else None)


class TensorArray:
    """List of tensors that are written and read by index.

    Args:
        dtype: their element type.
        size: number of tensors.
        dynamic_size: whether writing may add tensors.
        **unused: further arguments without effect.
    """

    def __init__(
        self,
        dtype: DTypeLike,
        size: int = 0,
        dynamic_size: bool = False,
        **unused: object,
    ) -> None:
        self.dtype = dtype
        self._items: list[Any] = [None] * int(size)

    def write(self, index: int, value: ArrayLike, name: str = "") -> TensorArray:
        """Set a tensor and return the array."""
        position = int(index)
        self._items += [None] * (position + 1 - len(self._items))
        self._items[position] = value
        return self

    def read(self, index: int, name: str = "") -> Any:
        """Return a tensor.

        Raises:
            StateError: it was not written.
        """
        if self._items[int(index)] is None:
            raise StateError(f"TensorArray: item {int(index)} was not written.")
        return self._items[int(index)]

    def stack(self, name: str = "") -> Any:
        """Return all tensors as one."""
        return ops.stack([jnp.zeros(()) if v is None else v for v in self._items])

    def concat(self, name: str = "") -> Any:
        """Join all tensors along their first axis."""
        return ops.concatenate(self._items, axis=0)

    def unstack(self, value: Sequence[Any] | Array, name: str = "") -> TensorArray:
        """Write the rows of a tensor and return the array."""
        self._items = [value[i] for i in range(len(value))]
        return self

    def gather(self, indices: Sequence[int] | Array, name: str = "") -> Any:
        """Return several tensors as one."""
        return ops.stack([self.read(index) for index in np.asarray(indices).tolist()])

    def scatter(
        self,
        indices: Sequence[int] | Array,
        value: Sequence[Any] | Array,
        name: str = "",
    ) -> TensorArray:
        """Write the rows of a tensor at positions and return the array."""
        for position, index in enumerate(np.asarray(indices).tolist()):
            self.write(index, value[position])
        return self

    def size(self) -> int:
        """Return the number of tensors."""
        return len(self._items)

    def identity(self) -> TensorArray:
        """Return the array."""
        return self

    def close(self) -> None:
        """Remove all tensors."""
        self._items.clear()


def Assert(condition: Tensor, data: Sequence[Any], **_: object) -> None:
    """Raise an error if a condition is false."""
    if not np.all(np.asarray(condition)):
        raise AssertionError(" ".join(str(tensor(x)) for x in data))
