"""Programs on the device that `lamina.device` selects."""

from __future__ import annotations

import subprocess
import sys

import jax

import lamina
from lamina.core.tracing.trace_state import platform

TWO_DEVICES = """
import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import numpy as np

import lamina

x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
for name in ("cpu:0", "cpu:1", "cpu:0"):
    with lamina.device(name):
        model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, y, verbose=0)
        model.predict(x, verbose=0)
        arrays = model(x), *(v.value for v in model.variables)
        print(*{f"{d.platform}:{d.id}" for a in arrays for d in a.devices()})
"""


def test_models_of_one_structure_run_on_their_devices():
    command = [sys.executable, "-c", TWO_DEVICES]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["cpu:0", "cpu:1", "cpu:0"], result.stderr


def test_platform_is_that_of_the_selected_device(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert platform() == "gpu"
    with lamina.device("cpu"):
        assert platform() == "cpu"
    with jax.default_device("cpu"):
        assert platform() == "cpu"
