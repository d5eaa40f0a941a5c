"""Functions of `tensorflow.sysconfig`."""

from __future__ import annotations

import jax


def get_build_info() -> dict[str, bool]:
    """Return whether JAX sees a GPU."""
    has_gpu = any(device.platform in ("gpu", "cuda") for device in jax.devices())
    return {"is_cuda_build": has_gpu, "is_rocm_build": False}
