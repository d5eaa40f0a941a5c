"""Modules of PyTorch as layers; skipped if PyTorch is not installed."""

from __future__ import annotations

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, MissingPackageError
from tests.tables.arrays import floats

ROWS, TARGETS = floats(16, 3), floats(16, 2, seed=1)
has_torch = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not has_torch, reason="PyTorch is not installed")


def model_of(*modules):
    from torch import nn

    layer = layers.TorchModuleWrapper(nn.Sequential(*modules))
    model = lamina.Sequential([layers.Input((3,)), layer])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    return model, layer


@needs_torch
def test_outputs_and_gradients_are_those_of_torch():
    import torch

    module = torch.nn.Linear(3, 2)
    layer = layers.TorchModuleWrapper(module)
    x = torch.from_numpy(ROWS).requires_grad_()
    (module(x) ** 2).sum().backward()

    state = [v.value for v in layer.non_trainable_variables]

    def loss(values, x):
        return jnp.sum(layer.stateless_call(values, state, x)[0] ** 2)

    values = [v.value for v in layer.trainable_variables]
    (kernel, bias), input_gradient = jax.jit(jax.grad(loss, (0, 1)))(
        values, jnp.asarray(ROWS)
    )
    np.testing.assert_allclose(layer(ROWS), module(x).detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(kernel, module.weight.grad, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, module.bias.grad, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(input_gradient, x.grad, rtol=1e-4, atol=1e-5)


@needs_torch
def test_module_is_trained_with_its_statistics(tmp_path):
    from torch import nn

    model, layer = model_of(nn.BatchNorm1d(3), nn.Dropout(0.1), nn.Linear(3, 2))
    before = {w.name: w.numpy() for w in layer.weights}
    model.fit(ROWS, TARGETS, epochs=3, verbose=0)
    changed = {n for n, old in before.items() if (old != named(layer)[n]).any()}
    assert changed == set(before)
    assert int(named(layer)["0.num_batches_tracked"]) == 3
    kernel = [*layer.parameters()][2].detach().numpy()
    np.testing.assert_array_equal(kernel, named(layer)["2.weight"])
    model.save_weights(tmp_path / "model.weights.h5")
    expected = model.predict(ROWS, verbose=0)
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.predict(ROWS, verbose=0), expected)


def named(layer):
    return {w.name: w.numpy() for w in layer.weights}


@needs_torch
def test_programs_of_two_modules_are_not_shared():
    import torch

    class Scaled(torch.nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return self.factor * x

    one, _ = model_of(Scaled(1.0))
    two, _ = model_of(Scaled(2.0))
    np.testing.assert_allclose(one.predict(ROWS, verbose=0), ROWS)
    np.testing.assert_allclose(two.predict(ROWS, verbose=0), 2 * ROWS)


@needs_torch
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_torchscript_lazy_and_foreign_modules_are_refused():
    import torch

    for module, message in (
        (torch.jit.script(torch.nn.Linear(3, 2)), "TorchScript"),
        (torch.nn.LazyLinear(3), "initialized"),
        (3, "torch.nn.Module"),
    ):
        with pytest.raises(ArgumentError, match=message):
            layers.TorchModuleWrapper(module)
    with pytest.raises(ArgumentError, match="save_weights"):
        layers.TorchModuleWrapper(torch.nn.Linear(3, 2)).get_config()


@pytest.mark.skipif(has_torch, reason="PyTorch is installed")
def test_missing_torch_is_reported():
    with pytest.raises(MissingPackageError, match="torch"):
        layers.TorchModuleWrapper(None)
