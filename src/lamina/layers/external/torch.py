"""`TorchModuleWrapper`: a module of PyTorch as a layer, called on the host."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import is_float
from lamina.core.random.seeds import SeedGenerator
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, invalid, missing_package
from lamina.layers.base import Layer
from lamina.typing import Array, Config, PartialShape

_Arrays = Sequence[Any]


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise missing_package("torch", "TorchModuleWrapper", "torch") from None


class TorchModuleWrapper(Layer):
    """Layer that calls a module of PyTorch on the host, and trains its parameters.

    The layer copies the parameters and buffers of the module into its weights. Each
    call copies arrays to PyTorch and back, and training calls the module twice, since
    the backward pass repeats the forward pass. Float arrays are passed as float32.

    Args:
        module: a `torch.nn.Module`, not one of TorchScript.
        name: name of the layer.
        output_shape: shape of the output with the batch axis, for a module that
            PyTorch cannot call on its device "meta", which computes shapes only.

    Shape:
        As the module defines it.

    Raises:
        MissingPackageError: PyTorch is not installed.
        ArgumentError: the module is not PyTorch's, is one of TorchScript, or has
            parameters that are not initialized.

    Example:
        ```python
        layer = TorchModuleWrapper(torch.nn.Linear(3, 4))
        model = lamina.Sequential([lamina.Input((3,)), layer])
        ```
    """

    def __init__(
        self,
        module: Any,
        name: str | None = None,
        output_shape: PartialShape | None = None,
        **kwargs: Any,
    ) -> None:
        torch = _import_torch()
        super().__init__(name=name, **kwargs)
        self._check_module(torch, module)
        self.module, self.output_shape = module, output_shape
        self.seed_generator = SeedGenerator()
        named = [*module.named_parameters(), *module.named_buffers()]
        self.num_parameters = len([*module.parameters()])
        self.tensors = [self._variable(key, tensor) for key, tensor in named]
        self.keys = [key for key, _ in named]
        self.built = True

    def _check_module(self, torch: ModuleType, module: Any) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise ArgumentError(
                "TorchModuleWrapper: TorchScript modules are not supported. Pass the "
                "module that was compiled, before `torch.jit.script` or `trace`."
            )
        if not isinstance(module, torch.nn.Module):
            raise invalid("TorchModuleWrapper", "module", module, "a torch.nn.Module")
        parameters = [*module.parameters(), *module.buffers()]
        if any(torch.nn.parameter.is_lazy(p) for p in parameters):
            raise ArgumentError(
                "TorchModuleWrapper: the module has parameters that are not "
                "initialized. Call it once on data before you wrap it."
            )

    def _variable(self, key: str, tensor: Any) -> Variable:
        array = tensor.detach().cpu().numpy()
        array = array.astype(jax.dtypes.canonicalize_dtype(array.dtype))
        return self.add_weight(
            array.shape,
            lambda shape, dtype=None: jnp.asarray(array, dtype),
            array.dtype.name,
            trainable=bool(tensor.requires_grad),
            autocast=False,
            name=key,
        )

    def call(self, *args: Array, training: bool | None = None, **kwargs: Any) -> Any:
        call = _TorchCall(
            self.module, self.keys, self.num_parameters, bool(training), kwargs
        )
        values = [_as_float32(v.value) for v in self.tensors]
        seed = self.seed_generator.next()[0] if training else jnp.uint32(0)
        inputs = [_as_float32(jnp.asarray(x)) for x in args]
        outputs, buffers = _call_torch(call, values, inputs, seed)
        for variable, value in zip(self.tensors, buffers, strict=True):
            if training and not variable.trainable:
                variable.assign(value)
        return jax.tree.map(self._as_compute_dtype, outputs)

    def _as_compute_dtype(self, x: Array) -> Array:
        return x.astype(self.compute_dtype) if is_float(x.dtype) else x

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Copy the weights into the module, and return the module's parameters.

        Args:
            recurse: whether to include those of the modules inside.
        """
        named = [*self.module.named_parameters(), *self.module.named_buffers()]
        for (_, tensor), variable in zip(named, self.tensors, strict=True):
            tensor.detach().copy_(_tensors([variable])[0])
        return self.module.parameters(recurse)

    def compute_output_shape(self, input_shape: PartialShape) -> Any:
        """Return `output_shape`, or the shape that PyTorch infers."""
        if self.output_shape is not None:
            return self.output_shape
        return super().compute_output_shape(input_shape)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store the weights under PyTorch's names, as Keras on PyTorch does."""
        store.update(zip(self.keys, self.tensors, strict=True))

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load the weights by PyTorch's names."""
        for key, variable in zip(self.keys, self.tensors, strict=True):
            variable.assign(np.asarray(store[key]))

    def get_config(self) -> Config:
        """Raise an error: a file cannot hold a module without running its code.

        Raises:
            ArgumentError: always.
        """
        raise _config_error(f"Layer {self.name!r} (TorchModuleWrapper) has no config")

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Raise an error, as `get_config` does.

        Raises:
            ArgumentError: always.
        """
        raise _config_error("TorchModuleWrapper cannot be read from a config")


def _config_error(text: str) -> ArgumentError:
    return ArgumentError(
        f"{text}: reading a pickled module can run code, and lamina never runs code "
        "from a file. Save the weights, `model.save_weights('model.weights.h5')`, and "
        "create the model in your program."
    )


def _as_float32(x: Array) -> Array:
    return x.astype("float32") if is_float(x.dtype) else x


class _TorchCall(NamedTuple):
    """A module and the arguments of a call that are not arrays.

    Args:
        module: the module.
        keys: names of its parameters, then of its buffers.
        num_parameters: number of its parameters, which have gradients.
        training: whether it is in training mode.
        options: keyword arguments.
    """

    module: Any
    keys: Sequence[str]
    num_parameters: int
    training: bool
    options: dict[str, Any]

    def run(self, values: _Arrays, inputs: _Arrays, seed: int) -> tuple[Any, list[Any]]:
        """Call the module with tensors, and return outputs and tensors afterwards."""
        torch = _import_torch()
        named = dict(zip(self.keys, values, strict=True))
        self.module.train(self.training)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            call = torch.func.functional_call
            outputs = call(self.module, named, tuple(inputs), self.options)
        return outputs, [named[key] for key in self.keys]

    def shapes(self, values: _Arrays, inputs: _Arrays) -> Any:
        """Return the shapes and types of the results, which PyTorch infers."""
        torch = _import_torch()

        def empty(x: Array) -> Any:
            dtype = getattr(torch, x.dtype.name)
            return torch.empty(x.shape, dtype=dtype, device="meta")

        tensors, xs = [empty(v) for v in values], [empty(x) for x in inputs]
        with torch.no_grad():
            results = self.run(tensors, xs, 0)
        return jax.tree.map(
            lambda t: jax.ShapeDtypeStruct(
                tuple(t.shape), str(t.dtype).removeprefix("torch.")
            ),
            results,
        )

    def forward(self, values: _Arrays, inputs: _Arrays, seed: Array) -> Any:
        """Call the module on arrays."""
        with _import_torch().no_grad():
            results = self.run(_tensors(values), _tensors(inputs), int(seed))
        return jax.tree.map(lambda t: t.numpy(), results)

    def backward(
        self, values: _Arrays, inputs: _Arrays, seed: Array, cotangents: _Arrays
    ) -> list[Any]:
        """Return the gradients with respect to float values and inputs."""
        torch = _import_torch()
        flags = self.is_differentiated(values, inputs)
        tensors, count = _tensors([*values, *inputs]), len(values)
        pairs = zip(tensors, flags, strict=True)
        floats = [tensor.requires_grad_() for tensor, flag in pairs if flag]
        with torch.enable_grad():
            outputs, _ = self.run(tensors[:count], tensors[count:], int(seed))
            outputs = [t for t in jax.tree.leaves(outputs) if t.is_floating_point()]
            found = torch.autograd.grad(
                outputs, floats, _tensors(cotangents), allow_unused=True
            )
        pairs = zip(found, floats, strict=True)
        return [(torch.zeros_like(t) if g is None else g).numpy() for g, t in pairs]

    def is_differentiated(self, values: _Arrays, inputs: _Arrays) -> list[bool]:
        """Return which values and inputs have a gradient."""
        first = [i < self.num_parameters for i in range(len(values))]
        arrays = zip([*values, *inputs], [*first, *[True] * len(inputs)], strict=True)
        return [flag and is_float(np.dtype(x.dtype).name) for x, flag in arrays]


def _tensors(arrays: _Arrays) -> list[Any]:
    torch = _import_torch()
    return [torch.from_numpy(np.array(a)) for a in arrays]


def _call_torch(call: _TorchCall, values: _Arrays, inputs: _Arrays, seed: Array) -> Any:
    """Call a module on the host, with a gradient that PyTorch computes."""
    specs = call.shapes(values, inputs)

    @jax.custom_vjp
    def run(values: _Arrays, inputs: _Arrays, seed: Array) -> Any:
        return jax.pure_callback(call.forward, specs, values, inputs, seed)

    def forward(values: _Arrays, inputs: _Arrays, seed: Array) -> Any:
        return run(values, inputs, seed), (values, inputs, seed)

    def backward(residuals: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Any:
        values, inputs, _ = residuals
        given = [c for c in jax.tree.leaves(cotangents[0]) if is_float(c.dtype)]
        arrays, flags = [*values, *inputs], call.is_differentiated(values, inputs)
        shapes = [
            jax.ShapeDtypeStruct(x.shape, x.dtype)
            for x, flag in zip(arrays, flags, strict=True)
            if flag
        ]
        found = iter(jax.pure_callback(call.backward, shapes, *residuals, given))
        gradients = [next(found) if flag else None for flag in flags]
        return gradients[: len(values)], gradients[len(values) :], None

    run.defvjp(forward, backward)
    return run(values, inputs, seed)
