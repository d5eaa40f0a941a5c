"""`GradientTape`, and optimizers of what it records."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self

import jax
import jax.numpy as jnp

from lamina.compat.patches.apply import extend_patches
from lamina.compat.patches.layers import ARRAY_CLASSES
from lamina.compat.tensorflow.recording.function import compiled_updates
from lamina.compat.tensorflow.recording.layers import recorded_layer_call
from lamina.compat.tensorflow.recording.record import (
    Call,
    Record,
    activate,
    active,
    is_variable,
    note_read,
    read,
    record,
    recorded,
)
from lamina.core.scope import local
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, StateError
from lamina.layers import Layer
from lamina.losses import Loss
from lamina.models import Model
from lamina.optimizers import Optimizer
from lamina.typing import Array, ArrayLike, PyTree

_OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow", "rmatmul"),
    *("neg", "abs", "getitem"),
)
_METHODS = (
    *("astype", "clip", "cumprod", "cumsum", "dot", "flatten", "max", "mean", "min"),
    *("prod", "ravel", "repeat", "reshape", "sort", "squeeze", "std", "sum"),
    *("swapaxes", "take", "transpose", "var"),
)


class TapeError(StateError, RuntimeError):
    """A tape is used again, which is a `RuntimeError` in TensorFlow."""


class GradientTape:
    """Context manager that records calls, to compute gradients of their results.

    Ops, operators and functions of this module, losses, and calls of layers and models
    are recorded if they depend on a watched array. A function of `jax.numpy` is not:
    use that of `tf` or `keras.ops`.

    Args:
        persistent: whether gradients can be computed several times.
        watch_accessed_variables: whether trainable variables are watched when they are
            used.

    Example:
        >>> x = tf.Variable(3.0)
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        self._record = Record(watch_accessed_variables)
        self._is_persistent, self._is_used = persistent, False

    def __enter__(self) -> Self:
        extend_patches(_patches)
        activate((*active.records, self._record))
        return self

    def __exit__(self, *_: object) -> None:
        activate(tuple(r for r in active.records if r is not self._record))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Return a context manager in which this tape records nothing."""
        before = active.records
        self.__exit__()
        try:
            yield
        finally:
            activate(before)

    def reset(self) -> None:
        """Forget all recorded calls."""
        self._record.clear()

    def watch(self, tensor: PyTree) -> None:
        """Record what depends on arrays or variables."""
        for value in jax.tree.leaves(tensor, is_leaf=is_variable):
            if isinstance(value, Variable):
                self._record.watch_reads(value)
            elif isinstance(value, jax.Array):
                self._record.watch(value)
            else:
                raise ArgumentError(
                    f"tape.watch: got a {type(value).__name__}, which is not a tensor. "
                    "Convert it first: `x = tf.convert_to_tensor(x)`."
                )

    def watched_variables(self) -> tuple[Variable, ...]:
        """Return the variables that were read."""
        return self._record.variables()

    def gradient(
        self,
        target: PyTree,
        sources: PyTree,
        output_gradients: PyTree = None,
        unconnected_gradients: Literal["none", "zero"] = "none",
    ) -> Any:
        """Return the gradient of the sum of the target for each source.

        Args:
            target: arrays computed in the block.
            sources: variables, or watched arrays, in any lists, tuples and dicts.
            output_gradients: weights of the target's elements; 1 by default.
            unconnected_gradients: `"none"` to return `None` for a source that the
                target does not depend on, `"zero"` to return zeros.

        Raises:
            TapeError: a tape that is not persistent was used before.
        """
        self._use()
        targets = [_array(t) for t in jax.tree.leaves(target, is_leaf=is_variable)]
        weights = jax.tree.leaves(output_gradients) or [None] * len(targets)
        seeds = [
            (t, jnp.ones_like(t) if w is None else _conjugate(jnp.asarray(w, t.dtype)))
            for t, w in zip(targets, weights, strict=True)
            if jnp.issubdtype(t.dtype, jnp.inexact)
        ]
        with self.stop_recording():
            found = _cotangents(self._record.calls, seeds)

        def gradient(source: Variable | Array) -> Any:
            arrays = self._record.arrays_of(source)
            parts = [found[id(a)] for a in arrays if id(a) in found]
            if parts:
                return _conjugate(functools.reduce(_add, parts))
            if unconnected_gradients == "none":
                return None
            return jnp.zeros(source.shape, source.dtype)

        result = jax.tree.map(gradient, sources, is_leaf=is_variable)
        if not self._is_persistent:
            self._record.clear()
        return result

    def jacobian(
        self,
        target: ArrayLike,
        sources: PyTree,
        unconnected_gradients: Literal["none", "zero"] = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each element of the target for each source.

        Shape:
            That of the target, then that of the source.
        """
        self._use()
        array = _array(target)
        basis = jnp.eye(array.size, dtype=array.dtype).reshape(-1, *array.shape)

        def rows(source: Variable | Array) -> Any:
            def gradient(seed: Array) -> Any:
                found = _cotangents(self._record.calls, [(array, seed)])
                arrays = self._record.arrays_of(source)
                parts = [found[id(a)] for a in arrays if id(a) in found]
                return functools.reduce(jnp.add, parts) if parts else None

            found = jax.vmap(gradient)(basis)
            shape = *array.shape, *source.shape
            if found is not None:
                return _conjugate(found).reshape(shape)
            return None if unconnected_gradients == "none" else jnp.zeros(shape)

        with self.stop_recording():
            return jax.tree.map(rows, sources, is_leaf=is_variable)

    def batch_jacobian(
        self,
        target: ArrayLike,
        source: Array,
        unconnected_gradients: Literal["none", "zero"] = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each row of the target for the row of the source.

        Shape:
            (rows, *sizes of a row of the target, *sizes of a row of the source)
        """
        found = self.jacobian(target, source, unconnected_gradients="zero")
        rows = jnp.arange(source.shape[0])
        return jnp.moveaxis(found, jnp.ndim(target), 1)[rows, rows]

    def _use(self) -> None:
        if self._is_used and not self._is_persistent:
            raise TapeError(
                "A GradientTape computes gradients once. For several calls, create it "
                "with `tf.GradientTape(persistent=True)`."
            )
        self._is_used = True


def _cotangents(
    calls: Sequence[Call], seeds: list[tuple[Array, Array]]
) -> dict[int, Array]:
    """Return the cotangent of each array by its `id`, from those of the targets."""
    pending: dict[int, Array] = {}
    found: dict[int, Array] = {}
    for target, seed in seeds:
        _accumulate(pending, target, seed)
    for call in reversed(calls):
        cotangents = [pending.pop(id(a), None) for a in call.outputs]
        for array, cotangent in zip(call.outputs, cotangents, strict=True):
            if cotangent is not None:
                found[id(array)] = cotangent
        if any(c is not None for c in cotangents):
            for array, cotangent in zip(
                call.inputs, _pull(call, cotangents), strict=True
            ):
                _accumulate(pending, array, cotangent)
    return found | pending


def _pull(call: Call, cotangents: list[Any]) -> list[Array]:
    """Return the cotangents of a call's inputs; other active tapes record this."""
    filled = [
        jnp.zeros_like(array) if c is None else c
        for array, c in zip(call.outputs, cotangents, strict=True)
    ]

    def pull(inputs: list[Array], filled: list[Array]) -> list[Array]:
        return list(jax.vjp(call.function, *inputs)[1](filled))

    if active.records:
        return record(pull, (call.inputs, filled), {}, is_user_defined=True)
    return list(call.pullback(filled))


def _accumulate(found: dict[int, Array], array: Array, cotangent: Array) -> None:
    before = found.get(id(array))
    found[id(array)] = cotangent if before is None else _add(before, cotangent)


_add = recorded(jnp.add)
_conj = recorded(jnp.conj)


def _conjugate(gradient: Array) -> Array:
    """Return TensorFlow's gradient for that of JAX, or the reverse."""
    return _conj(gradient) if jnp.iscomplexobj(gradient) else gradient


def _array(value: object) -> Array:
    return read(value) if isinstance(value, Variable) else jnp.asarray(value)


def _patches() -> Iterator[tuple[type, str, Any]]:
    """Yield the changes of classes that let tapes see their calls."""
    for cls in (Layer, Model):
        yield cls, "__call__", recorded_layer_call(vars(cls)["__call__"])
    yield Loss, "__call__", _recorded_loss(vars(Loss)["__call__"])
    update = compiled_updates(vars(Optimizer)["apply_gradients"])
    yield Optimizer, "apply_gradients", update
    value: Any = Variable.value.fget
    yield Variable, "value", property(lambda v: note_read(v, value(v)))
    for cls in ARRAY_CLASSES:
        for name in (*(f"__{n}__" for n in _OPERATORS), *_METHODS):
            yield cls, name, _method(cls, name)
        yield cls, "__iter__", _iterate(cls.__iter__)
        yield cls, "T", property(recorded(jnp.transpose))


def _recorded_loss(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `__call__` of losses that records on active tapes."""

    @functools.wraps(call)
    def recorded_call(loss: Loss, *args: object, **kwargs: object) -> Any:
        if local.recorder is None:
            return call(loss, *args, **kwargs)
        return record(call, (loss, *args), kwargs, is_user_defined=True)

    return recorded_call


def _method(cls: type, name: str) -> Callable[..., Any]:
    """Return a recorded method of arrays, which may be replayed on tracers."""
    method = getattr(cls, name)
    call = recorded(
        lambda array, *args, **kwargs: getattr(array, name)(*args, **kwargs)
    )

    @functools.wraps(method)
    def dispatch(array: Array, *args: object, **kwargs: object) -> Any:
        use = method if local.recorder is None else call
        return use(array, *args, **kwargs)

    return dispatch


def _iterate(method: Callable[[Array], Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return an `__iter__` of arrays whose rows are recorded."""

    def iterate(array: Array) -> Iterator[Any]:
        if not active.records:
            return method(array)
        return iter([array[i] for i in range(len(array))])

    return iterate


def minimize(
    optimizer: Optimizer,
    loss: Array | Callable[[], Array],
    var_list: Iterable[Variable] | Callable[[], Iterable[Variable]],
    tape: GradientTape | None = None,
    **options: Any,
) -> Any:
    """Update variables by the gradients of a loss, or of what a function returns.

    Args:
        optimizer: the optimizer.
        loss: a function without arguments, or a tensor that `tape` has recorded.
        var_list: the variables, or a function that returns them.
        tape: the tape of a tensor.
        **options: `global_step` is a variable that counts the updates; others have no
            effect.
    """
    if callable(loss):
        with GradientTape() as tape:
            loss = loss()
    if tape is None:
        raise ArgumentError(
            "minimize: pass the tape: `minimize(loss, ..., tape=tape)`."
        )
    found: Any = var_list() if callable(var_list) else var_list
    variables: list[Variable] = list(found)
    gradients = tape.gradient(loss, variables)
    update: Callable[..., Any] = optimizer.apply_gradients
    pairs = zip(gradients, variables, strict=True)
    return update(pairs, global_step=options.get("global_step"))


class UnconnectedGradients:
    """Names of what `gradient` returns for a source that has no gradient."""

    NONE, ZERO = "none", "zero"
