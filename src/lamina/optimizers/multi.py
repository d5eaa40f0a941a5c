"""Different optimizers for different variables of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, ClassVar, NoReturn, TypeAlias

import jax

from lamina.core.check import Check, check_new_key, matching_key
from lamina.core.registry import deserialize, serialize
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError, invalid, shown
from lamina.optimizers.base import Optimizer
from lamina.optimizers.loss_scale import LossScaleOptimizer
from lamina.tracebacks import filter_traceback
from lamina.typing import Config


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers of variables by path, for `MultiOptimizer`.

    A key is a variable's path, such as `"encoder/dense/kernel"`, or a regular
    expression that matches whole paths, such as `"encoder/.*"`. An exact key comes
    first; a path that no key matches has the default optimizer.

    Args:
        default_optimizer: the optimizer of all other variables.
        optimizer_map: optimizers by key.

    Raises:
        ArgumentTypeError: an argument has a wrong type.
        ArgumentError: a key is set twice or is not a plain expression, a path matches
            several keys, or an optimizer is itself a wrapper of optimizers.

    Example:
        >>> from lamina.optimizers import SGD, Adam
        >>> optimizers = OptimizerMap(SGD(0.1), {"encoder/.*": Adam()})
        >>> optimizers["encoder/dense/kernel"], optimizers["decoder/kernel"]
        (Adam(), SGD(learning_rate=0.1))
    """

    @filter_traceback
    def __init__(
        self,
        default_optimizer: Optimizer,
        optimizer_map: Mapping[str, Optimizer] | None = None,
    ) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise ArgumentTypeError(
                "OptimizerMap: `default_optimizer` must be an optimizer such as "
                f"`SGD()`, got {shown(default_optimizer)}."
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise ArgumentTypeError(
                f"OptimizerMap: `optimizer_map` must be a dict of optimizers by path, "
                f"got {shown(optimizer_map)}."
            )
        self.default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @filter_traceback
    def __getitem__(self, key: str) -> Optimizer:
        found = matching_key("OptimizerMap", self._optimizer_map, key)
        return self.default_optimizer if found is None else self._optimizer_map[found]

    @filter_traceback
    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        check_new_key("OptimizerMap", self._optimizer_map, key)
        self._optimizer_map[key] = plain_optimizer("OptimizerMap", optimizer)

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __bool__(self) -> bool:
        return True

    def __call__(self, variable: Variable) -> Optimizer:
        """Return the optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": serialize(self._optimizer_map),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: dict[str, Any] | None = None
    ) -> OptimizerMap:
        """Create a map from the arguments that `get_config` returned."""
        items = config.items()
        return cls(**{name: deserialize(v, custom_objects) for name, v in items})


def plain_optimizer(owner: str, optimizer: object) -> Optimizer:
    """Return an optimizer if it does not wrap others.

    Raises:
        ArgumentError: it does, or it is not an optimizer.
    """
    is_wrapper = isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer))
    if is_wrapper or not isinstance(optimizer, Optimizer):
        needed = "an optimizer that does not wrap others"
        raise invalid(owner, "optimizer", optimizer, needed)
    return optimizer


def _no_rate_error() -> AttributeError:
    return AttributeError(
        "A MultiOptimizer has no learning rate: read and set those of its "
        "`optimizers`, as in `optimizer.optimizers[0].learning_rate = 0.01`."
    )


Select: TypeAlias = OptimizerMap | Callable[[Variable], Optimizer]


class MultiOptimizer(Optimizer):
    """Optimizer that trains variables by different optimizers.

    Args:
        optimizer_map: an `OptimizerMap`, a function that returns the optimizer of a
            variable, or the optimizer of all variables.
        loss_scale_factor: factor that scales the loss and divides the gradients;
            replaces those of the optimizers.
        name: a unique name; derived from the class name when `None`.

    Attributes:
        optimizers: the optimizers. Learning rates are theirs: a `MultiOptimizer` has
            none.

    Example:
        >>> from lamina.optimizers import SGD
        >>> weight, bias = Variable([1.0], name="weight"), Variable([1.0], name="bias")
        >>> optimizer = MultiOptimizer(OptimizerMap(SGD(0.5), {"bias": SGD(0.25)}))
        >>> optimizer.apply([[1.0], [1.0]], [weight, bias])
        >>> weight.numpy(), bias.numpy()
        (array([0.5], dtype=float32), array([0.75], dtype=float32))
    """

    arguments: ClassVar[dict[str, Check]] = {
        "optimizer_map": Check(
            "an OptimizerMap, a function that returns the optimizer of a variable, or "
            "an optimizer",
            lambda v: callable(v) or isinstance(v, Optimizer),
            ("adam", None),
        ),
        "loss_scale_factor": Optimizer.arguments["loss_scale_factor"],
    }

    def __init__(
        self,
        optimizer_map: Select | Optimizer,
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        if isinstance(optimizer_map, Optimizer):
            optimizer_map = OptimizerMap(optimizer_map)
        self._select = optimizer_map
        self.optimizers: list[Optimizer] = []
        self._chosen: dict[Variable, Optimizer] = {}
        if isinstance(optimizer_map, OptimizerMap):
            for item in [*optimizer_map.values(), optimizer_map.default_optimizer]:
                self._add(item)

    def _add(self, optimizer: Optimizer) -> Optimizer:
        plain_optimizer("MultiOptimizer", optimizer)
        if all(optimizer is not known for known in self.optimizers):
            # The gradients that it receives are not scaled.
            optimizer.loss_scale_factor = None
            self.optimizers = [*self.optimizers, optimizer]
        return optimizer

    def build(self, variables: Iterable[Variable]) -> None:
        """Select the optimizer of each variable and create their state."""
        variables = list(variables)
        if not self.built:
            self._chosen = {v: self._add(self._select(v)) for v in variables}
            for optimizer, chosen in self._groups(variables):
                optimizer.build(chosen)
        super().build(variables)

    def _groups(
        self, variables: Iterable[Variable]
    ) -> Iterator[tuple[Optimizer, list[Variable]]]:
        """Yield each optimizer that trains any of the variables, and these."""
        variables = list(variables)
        for optimizer in self.optimizers:
            chosen = [v for v in variables if self._chosen[v] is optimizer]
            if chosen:
                yield optimizer, chosen

    def _step(self, gradients: list[jax.Array], variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            gradients = [gradient / self.loss_scale_factor for gradient in gradients]
        by_variable = dict(zip(variables, gradients, strict=True))
        for optimizer, chosen in self._groups(variables):
            optimizer.apply([by_variable[v] for v in chosen], chosen)
        self._iterations.assign_add(1)

    @property
    def learning_rate(self) -> NoReturn:
        """Raise `AttributeError`: each of `optimizers` has its own."""
        raise _no_rate_error()

    @learning_rate.setter
    def learning_rate(self, value: object) -> NoReturn:
        raise _no_rate_error()

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace variables by their averages, for the optimizers with `use_ema`."""
        for optimizer, chosen in self._groups(var_list):
            optimizer.finalize_variable_values(chosen)

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Exclude variables from the weight decay of all `optimizers`.

        Args:
            var_list: the variables.
            var_names: regular expressions searched in the names, such as "bias".
        """
        var_list, var_names = list(var_list or ()), list(var_names or ())
        for optimizer in self.optimizers:
            optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {
            "optimizer_map": serialize(self._select),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }
