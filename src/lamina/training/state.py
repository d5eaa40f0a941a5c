"""A model's losses, metrics and programs of steps."""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, NamedTuple, TypeVar, cast

import jax

from lamina.core.graph import SymbolicTensor, infer
from lamina.core.module import Module, is_user_defined, signature
from lamina.core.random.seeds import make_seed
from lamina.core.scope import local, override
from lamina.core.tracing import stateless
from lamina.core.variable import Variable, structure_version
from lamina.data.adapt import pack_x_y_sample_weight
from lamina.data.host import HostFunction
from lamina.errors import ArgumentError, ArgumentTypeError, StateError, shown
from lamina.layers import Layer
from lamina.layers.base.call_graph import GraphOwner
from lamina.metrics import Mean, Metric
from lamina.metrics.base import result_of
from lamina.runtime.compiled_function import CompiledFunction
from lamina.runtime.locks import MethodLock
from lamina.runtime.module_state import ModuleState
from lamina.runtime.placement import Distribution
from lamina.training.device_loop import Step
from lamina.training.engine import Engine, compiled, eager
from lamina.training.plan.arguments import CompileArgs
from lamina.training.plan.outputs import Outputs
from lamina.training.plan.plans import Plans
from lamina.training.plan.user_loss import batch_loss
from lamina.typing import PyTree

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class ModelFunctions(NamedTuple):
    """Functions of a model that building it for data needs."""

    has_call: Callable[[], bool]  # whether there are outputs that follow from inputs
    output_specs: Callable[[Any], Any]  # builds it; returns the shapes of its outputs
    program_state: Callable[[], ModuleState]  # what its calls take besides data
    host: Callable[[Any], HostFunction | None]  # layers that data passes on the host


class TrainingState:
    """State of a model's training besides variables: losses, metrics and programs.

    Args:
        model: the model.
        functions: how to build it.
    """

    def __init__(self, model: MetricsOwner, functions: ModelFunctions) -> None:
        self.model, self._functions = model, functions
        self.arguments: CompileArgs | None = None
        self.plans = Plans(model, CompileArgs(), False)
        self.loss_tracker: Mean | None = None
        self._lock = MethodLock()
        self.steps_done = 0  # random numbers of a step derive from it
        # The devices of `fit`; `None` for those of the distribution in use.
        self.distribution: Distribution | None = None
        self._engines: dict[tuple[str, bool], Engine] = {}
        self._made: dict[Hashable, Any] = {}
        self._version = -1  # structure version that `_made` is valid for
        # Arguments and data that the last `fit` was checked with.
        self.checked: tuple[Hashable, list[weakref.ref[Any]]] | None = None
        # Whether to warn about a training step that trains nothing.
        self.warns_of_update = True

    def compile(self, arguments: CompileArgs) -> None:
        """Set the losses and metrics, and discard the programs of the previous ones."""
        arguments.check()
        self.arguments = arguments
        is_split = is_overridden(self.model, "compute_loss")
        self.plans = Plans(self.model, arguments, is_split)
        self.loss_tracker = Mean(name="loss")
        self._engines, self._made, self.checked = {}, {}, None

    def __getstate__(self) -> dict[str, Any]:
        # A copy compiles its own programs.
        made = {"_engines": {}, "_made": {}, "checked": None, "distribution": None}
        return {k: v for k, v in (vars(self) | made).items() if k != "predictor"}

    @contextmanager
    def running(self, method: str) -> Iterator[None]:
        """Let one thread at a time run methods that change weights or metrics.

        Raises:
            StateError: another thread runs such a method, or the model is not compiled.
        """
        with self._lock.hold(method):
            if self.arguments is None:
                raise StateError(
                    f"Call `compile()` before `{method}()`, for example: "
                    "model.compile(optimizer='adam', loss='mse')."
                )
            with self.on_devices():
                yield

    def on_devices(self) -> AbstractContextManager[None]:
        """Use the devices that the model was trained on."""
        if self.distribution is None:
            return nullcontext()
        return override(distribution=self.distribution)

    @functools.cached_property
    def batch_seed(self) -> int:
        """Seed of the steps on single batches."""
        return make_seed()

    @functools.cached_property
    def predictor(self) -> CompiledFunction:
        """The compiled `predict_step`, which `compile` does not discard."""
        return CompiledFunction(
            lambda batch: self.model.predict_step(batch),
            self._functions.program_state,
            lambda: self.model.run_eagerly,
        )

    def host(self, x: PyTree) -> HostFunction | None:
        """Return the layers that data passes on the host before programs, if any."""
        return self._functions.host(x)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Call a function and cache its result until a module's structure changes.

        Preparing a model for data takes longer than an epoch of a small one.
        """
        if self._version != structure_version() or key not in self._made:
            before, value = structure_version(), make()
            if before != self._version or before != structure_version():
                self._made, self._version = {}, structure_version()
            self._made[key] = value
        return self._made[key]

    def modules(self) -> list[Module]:
        """Return the modules whose state a step may change."""
        model, plans = self.model, self.plans.made()
        found: Any = model, model.optimizer, self.loss_tracker, *plans
        return [m for m in found if isinstance(m, Module)]

    def named_metrics(self) -> list[tuple[str, Metric]]:
        """Return the metrics of `compile` with their names in logs, the loss first."""
        if self.arguments is None or self.loss_tracker is None:
            return []
        return [("loss", self.loss_tracker), *self.plans.named_metrics()]

    def build(self, batch: tuple[Any, Any, Any]) -> list[Any]:
        """Build weights, losses, metrics and slots for batches of these shapes.

        Returns:
            Shapes of the outputs, flat, in their order.
        """
        model, pred = self.model, list[Any]()
        if self._needs_outputs():
            x, y, _ = batch
            y_pred = self._functions.output_specs(x)
            outputs = Outputs.of(model, y_pred)
            pred = outputs.flatten(y_pred, "y_pred")
            if not self.plans.is_split:
                plan = self.plans.find(y, y_pred)
                if plan is not None:
                    plan.labels(y)  # refuses labels that do not fit
            elif y is not None and not model.run_eagerly:
                self._infer_plans(batch)
        if hasattr(model.optimizer, "build"):
            model.optimizer.build(model.trainable_variables)
        return pred

    def _infer_plans(self, batch: tuple[Any, Any, Any]) -> None:
        """Make the losses for what the user's `compute_loss` passes on in a step."""
        model = self.model

        def step(x: Any, y: Any, sample_weight: Any) -> Any:
            y_pred = model(x, training=True)
            parts = {"y": y, "y_pred": y_pred, "sample_weight": sample_weight}
            loss = batch_loss(model, x=x, training=True, **parts)
            return loss, model.compute_metrics(x, **parts)

        specs = jax.tree.map(lambda a: SymbolicTensor(a.shape, a.dtype), batch)
        # A user's own step may call the methods in any other way.
        is_plain = not is_overridden(model, "train_step")
        with nullcontext() if is_plain else suppress(Exception):
            infer(step, specs, {})

    def _needs_outputs(self) -> bool:
        """Return whether weights, losses or metrics depend on the model's outputs."""
        # A model without `call` has steps of its own, such as a GAN.
        if not self._functions.has_call():
            return False
        given = CompileArgs() if self.arguments is None else self.arguments
        if self.plans.made() or not given.is_empty:
            return True
        if not is_overridden(self.model, "train_step"):
            return True
        layers = [m for m in self.model.all_layers() if isinstance(m, Layer)]
        return not all(layer.built for layer in layers)

    def engine(self, kind: str) -> Engine:
        """Return the loops of one kind of step: "train", "test" or "predict"."""
        key = kind, self.model.run_eagerly
        if key not in self._engines:
            self._engines[key] = self._make_engine(kind)
        return self._engines[key]

    def _make_engine(self, kind: str) -> Engine:
        model, name = self.model, f"{kind}_step"
        if kind == "predict":
            step = Step(kind, self.predictor, self.modules, lambda: None, None, False)
            return Engine(step, compiled(self.predictor))
        # A user's step may return logs that are not a function of the state.
        returns_logs = is_overridden(model, name, "compute_metrics")
        results = None if returns_logs else model.get_metrics_result
        function = _step_function(model, name)
        guard = kind == "train"
        given = kind, function, self.modules, model.reset_metrics, results, guard
        step = Step(*given, lambda: guard and self.warns_of_update)
        return Engine(step, eager(step) if model.run_eagerly else None)


class MetricsOwner(GraphOwner, Layer):
    """Base of `ModelSteps` with the metrics of a model."""

    _training: TrainingState
    optimizer: Any = None
    history: Any = None
    run_eagerly = False
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    predict_step: Callable[[Any], Any]
    compute_loss: Callable[..., Any]

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the metrics with one batch and return their results."""
        plan = self._training.plans.find(y, y_pred, for_metrics=True)
        if plan is not None:
            plan.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return every metric's result, by name."""
        logs: dict[str, Any] = {}
        named: list[tuple[Any, Any]] = [*self._named_metrics()]
        if is_overridden(self, "metrics"):
            names = {id(metric): name for name, metric in named}
            named = [(names.get(id(m), m.name), m) for m in self.metrics]
        for name, metric in named:
            result = result_of(metric)
            logs.update(result if isinstance(result, dict) else {name: result})
        return logs

    def _named_metrics(self) -> list[tuple[str, Metric]]:
        """Return the metrics of `compile`, then attributes of the model and layers."""
        compiled = self._training.named_metrics()
        known = {id(metric) for _, metric in compiled}
        attached = {
            id(m): (m.name, m)
            for layer in self.all_layers()
            for m in layer.children()
            if isinstance(m, Metric) and id(m) not in known
        }
        return [*compiled, *attached.values()]

    @property
    def metrics(self) -> list[Any]:
        """Mean of the loss, the metrics of `compile`, those of the model and layers."""
        return [metric for _, metric in self._named_metrics()]

    @property
    def metrics_names(self) -> list[str]:
        """Names of the values that `evaluate` returns, in its order."""
        return self._in_keras_order([name for name, _ in self._named_metrics()])

    def _in_keras_order(self, names: Iterable[str]) -> list[str]:
        """Return names of logs: those of metrics first, the rest sorted."""
        wanted = set(names)
        first = [m.name for m in self.metrics if m.name in wanted]
        return [*dict.fromkeys(first), *sorted(wanted.difference(first))]

    @property
    def metrics_variables(self) -> list[Any]:
        """Variables of all metrics."""
        return [v for m in self.metrics for v in m.variables]

    def reset_metrics(self) -> None:
        """Reset every metric."""
        for metric in self.metrics:
            metric.reset_state()


def training_of(model: MetricsOwner) -> TrainingState:
    """Return the losses, metrics and programs of a model."""
    return model._training  # pyright: ignore[reportPrivateUsage]


def is_overridden(model: MetricsOwner, *methods: str) -> bool:
    """Return whether a user's class defines one of these methods of a model."""
    return any(is_user_defined(type(model), name) for name in methods)


def _step_function(model: MetricsOwner, name: str) -> Callable[[Any], Any]:
    """Return `train_step` or `test_step` of a model as a function of a batch alone.

    Raises:
        ArgumentError: the method takes neither `data` nor `state` and `data`.
    """
    method = getattr(model, name)
    parameters = list(signature(method.__func__).parameters)[1:]
    if len(parameters) == 2:
        return lambda batch: _with_state(model, name, method, batch)
    if len(parameters) != 1:
        raise ArgumentError(
            f"{type(model).__name__}.{name} must take `data`, or `state` and `data`. "
            f"It takes {parameters}."
        )

    def run(batch: tuple[Any, Any, Any]) -> dict[str, Any]:
        logs = method(pack_x_y_sample_weight(*batch))
        if isinstance(logs, dict):
            return logs
        raise ArgumentTypeError(
            f"{type(model).__name__}.{name} must return a dictionary of values by "
            f"name, such as {{'loss': loss}}. It returned {shown(logs)}."
        )

    return run


def _with_state(
    model: MetricsOwner,
    name: str,
    method: Callable[[Any, Any], tuple[Any, Any]],
    batch: tuple[Any, Any, Any],
) -> dict[str, Any]:
    """Call a step in Keras's stateless form, on lists of variables' values."""
    groups = _step_variables(model, name)
    scope = local.state
    assert scope is not None
    state = tuple([scope.read(v) for v in group] for group in groups)
    logs, after = method(state, pack_x_y_sample_weight(*batch))
    for group, values in zip(groups, after, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    if not isinstance(logs, dict):  # a value without a name, as the loss alone
        logs = model.get_metrics_result()
    if "loss" in logs and name == "train_step":
        scope.watch(logs["loss"])
    return logs


def _step_variables(model: MetricsOwner, name: str) -> list[list[Variable]]:
    """Return the variables whose values Keras's stateless form of a step takes."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if name == "train_step":
        groups.append(list(model.optimizer.variables))
    return [*groups, model.metrics_variables]


def accepts_state(step: F) -> F:
    """Let a step on `data` also take `state, data`, as Keras's steps for JAX do.

    In this form it returns the logs and the new state and changes no variable, so that
    overrides may call it with `super()`.
    """

    @functools.wraps(step)
    def call(model: MetricsOwner, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 2 and "state" not in kwargs:
            return step(model, *args, **kwargs)
        return _run_on_values(step, model, *args, **kwargs)

    return cast(F, call)


def _run_on_values(
    step: Callable[..., Any],
    model: MetricsOwner,
    state: Sequence[Sequence[Any]],
    data: object,
) -> tuple[dict[str, Any], tuple[list[Any], ...]]:
    groups = _step_variables(model, step.__name__)
    variables, values = itertools.chain(*groups), itertools.chain(*state)
    logs, after = stateless.call(step, [*variables], [*values], model, data)
    rest = iter(after)
    return logs, tuple([next(rest) for _ in group] for group in groups)
