"""Compiled programs, shared by all models of the same structure.

A program is traced once for each model and set of shapes. XLA compiles it only if no
program with the same text has been compiled in this process.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
from jax.stages import Compiled, Lowered

from lamina import config
from lamina.core.process import use_device
from lamina.core.tracing.trace_state import default_device, platform
from lamina.garbage import collection_paused
from lamina.runtime import allocator
from lamina.runtime.compile_cache import cached_if_serializable, clean_cache
from lamina.runtime.compile_clock import compiling
from lamina.runtime.interrupts import result_of, run_in_thread
from lamina.runtime.placement import current

clean_cache()  # before this process compiles anything

_LIMIT = 128
_HOST_CALL = re.compile(r"custom_call @\w*python\w*callback")
_executables: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.Lock()
_in_process: ContextVar[bool] = ContextVar("in_process_compile", default=False)
_Options = tuple[tuple[str, str | bool], ...]
# XLA's new default library is up to 2.5 times slower than the previous one for
# convolutions without padding, and faster for matrix products and sums.
_CONVOLUTIONS: _Options = (
    (
        "xla_cpu_experimental_ynn_fusion_type",
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE",
    ),
)
# XLA orders kernels breadth-first, and where more than 8 can run, hands half of them to
# another thread. For kernels of a few microseconds that takes longer than to run them:
# depth-first, a step of four dense layers of 32 to 128 units takes 3 to 10 % less time,
# one of a small attention block 10 to 15 %. Larger kernels gain from another thread: an
# epoch of a transformer would take 10 to 30 % longer.
_SMALL_KERNELS: _Options = (
    ("xla_cpu_scheduler_type", "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"),
)
_SMALL_PRODUCT = 2**20  # multiplications
_TENSOR = r"tensor<((?:\d+x)*)\w+>"
_PRODUCT = re.compile(
    rf"stablehlo\.dot_general .*\({_TENSOR}, {_TENSOR}\) -> {_TENSOR}"
)
# With these, a loop of dynamic length is one command buffer, like a loop of static
# length: a step of a small network takes 25 % less time.
_GRAPHS: _Options = (
    (
        "xla_gpu_enable_command_buffer",
        "FUSION,CUBLAS,CUBLASLT,CUDNN,DYNAMIC_SLICE_FUSION,WHILE,CONDITIONAL",
    ),
    ("xla_gpu_graph_min_graph_size", "1"),
)
# Sums in a fixed order, and libraries chosen without autotuning.
_DETERMINISTIC: _Options = (
    ("xla_gpu_deterministic_ops", True),
    ("xla_gpu_autotune_level", "0"),
)
# Not used: xla_cpu_copy_insertion_use_region_analysis makes a step of a deep network
# up to 20 % faster, but overwrites values that nested loops still need.


@contextmanager
def in_process_compile() -> Iterator[None]:
    """Allow code traced in this block to depend on this process, as by autotuning."""
    token = _in_process.set(True)
    try:
        yield
    finally:
        _in_process.reset(token)


def is_in_process_compile() -> bool:
    """Return whether the current trace is of a `Program` that only runs here."""
    return _in_process.get()


class Program:
    """A pure function, compiled for each set of argument shapes.

    Args:
        function: takes and returns trees of arrays.
        donate: positions of arguments whose buffers the result may reuse.
    """

    def __init__(
        self, function: Callable[..., Any], donate: Sequence[int] = ()
    ) -> None:
        @functools.wraps(function)
        def traced(*args: object) -> Any:
            with in_process_compile():
                return function(*args)

        # With unused arguments kept, the program's text has its whole signature.
        self._jitted = jax.jit(traced, donate_argnums=tuple(donate), keep_unused=True)
        self._ready: OrderedDict[Hashable, Any] = OrderedDict()

    def __call__(self, *args: Any) -> Any:
        return self.executable(*args)(*args)

    def executable(self, *args: object) -> Any:
        """Return the executable for arguments of these shapes."""
        use_device()
        key = _key(args)
        found = self._ready.get(key)
        if found is not None and not isinstance(found, Future):
            return found
        try:
            with compiling():
                compiled = result_of(found or self._start(key, args))
        except Exception:
            self._ready.pop(key, None)
            raise
        self._store(key, compiled)
        return compiled

    def prepare(self, *args: object) -> None:
        """Trace now and compile in a background thread."""
        use_device()
        key = _key(args)
        if key not in self._ready:
            self._start(key, args)

    def _start(self, key: Hashable, args: tuple[Any, ...]) -> Future[Any]:
        with collection_paused():
            traced = self._jitted.trace(*args)
            lowered = traced.lower()
        # The text of a program does not say which of its results are weakly typed.
        weak = tuple([bool(a.weak_type) for a in traced.jaxpr.out_avals])
        rest = weak, _placement(args)
        # In another thread, so that this one can handle signals meanwhile.
        future = run_in_thread(_compile, lowered, default_device(), *rest)
        self._store(key, future)
        return future

    def _store(self, key: Hashable, value: object) -> None:
        self._ready[key] = value
        if len(self._ready) > _LIMIT:
            self._ready.popitem(last=False)


def _key(args: object) -> Hashable:
    return argument_shapes(args), default_device(), current()


def _placement(args: object) -> Hashable:
    """Return the shardings of arguments on several devices."""
    # Another thread's dispatch may have deleted an array; its sharding is still known.
    arrays = [a for a in jax.tree.leaves(args) if isinstance(a, jax.Array)]
    shardings = [a.sharding for a in arrays]
    return tuple([s if len(s.device_set) > 1 else None for s in shardings])


def argument_shapes(args: object) -> Hashable:
    """Return the structure, shapes and types of arguments, as a key of programs."""
    leaves, structure = jax.tree.flatten(args)
    return structure, tuple([_aval(leaf) for leaf in leaves])


def _aval(leaf: Any) -> Hashable:
    if isinstance(leaf, (bool, int, float)):
        return type(leaf)
    return leaf.shape, leaf.dtype, getattr(leaf, "weak_type", False)


def _compile(
    lowered: Lowered, device: object, weak: Hashable, placement: Hashable
) -> Any:
    text = lowered.as_text()
    fixed = config.is_deterministic()
    digest = hashlib.sha256(text.encode()).digest()
    # The text of a call of a Python function does not say which function it is.
    function = object() if _HOST_CALL.search(text) else None
    trees = lowered.in_tree, lowered.out_tree
    key = digest, trees, weak, fixed, device, placement, function
    with _lock:
        if key in _executables:
            _executables.move_to_end(key)
            return _executables[key]
    # Thread-local settings do not apply in the thread that compiles.
    with cached_if_serializable(text), jax.default_device(device):
        compiled = _optimized(lowered, _options(text, fixed))
    allocator.trim_heap()
    with _lock:
        _executables[key] = compiled
        if len(_executables) > _LIMIT:
            _executables.popitem(last=False)
    return compiled


def run_seconds(
    executable: Callable[..., object], args: Sequence[Any], count: int
) -> list[float]:
    """Return the seconds that each of several runs of a program takes."""
    times: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        jax.block_until_ready(executable(*args))
        times.append(time.perf_counter() - start)
    return times


def temporary_bytes(compiled: Compiled) -> int:
    """Return the temporary memory of a compiled program in bytes, 0 if unknown."""
    memory = compiled.memory_analysis()
    return 0 if memory is None else int(memory.temp_size_in_bytes)


def _options(text: str, fixed: bool) -> list[_Options]:
    """Return the compiler options for a program, one group for each purpose."""
    options = [_DETERMINISTIC] if fixed else []
    if platform() == "gpu":
        options.append(_GRAPHS)
    if platform() == "cpu":
        if "stablehlo.convolution" in text:
            options.append(_CONVOLUTIONS)
        if "convolution" not in text and 0 < largest_product(text) < _SMALL_PRODUCT:
            options.append(_SMALL_KERNELS)
    return options


def largest_product(text: str) -> int:
    """Return the multiplications of the largest matrix product of a program.

    Example:
        >>> largest_product("stablehlo.dot_general %0, %1, contracting_dims = [1] x [0]"
        ...     " : (tensor<32x9xf32>, tensor<9x64xf32>) -> tensor<32x64xf32>")
        18432
    """
    return max((_product(*shapes) for shapes in _PRODUCT.findall(text)), default=0)


def _product(*shapes: str) -> int:
    """Return the multiplications of a product.

    Each dimension is in two of the shapes. That of a batch, in three, counts for more.
    """
    sizes = [int(size) for shape in shapes for size in shape.split("x") if size]
    return math.isqrt(math.prod(sizes))


def _optimized(lowered: Lowered, wanted: list[_Options]) -> Any:
    """Compile a program, without options that this release of XLA lacks.

    Options are checked only after a failure, as the check compiles a program for each.
    """
    try:
        return lowered.compile(_merged(wanted))
    except jax.errors.JaxRuntimeError:
        known = [options for options in wanted if _is_known(options)]
        if known == wanted:
            raise
    return lowered.compile(_merged(known))


def _merged(parts: list[_Options]) -> dict[str, str | bool] | None:
    return {name: value for part in parts for name, value in part} or None


@functools.cache
def _is_known(options: _Options) -> bool:
    """Return whether the compiler knows all of these options."""
    try:
        jax.jit(lambda x: x + 1).lower(0.0).compile(dict(options))
    except jax.errors.JaxRuntimeError:
        return False
    return True
