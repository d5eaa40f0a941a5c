"""Paths of modules in releases of Keras, and the modules of lamina for them."""

from __future__ import annotations

_LAYERS = (
    *("core", "convolutional", "pooling", "recurrent", "embeddings", "normalization"),
    *("noise", "local", "wrappers", "merge", "advanced_activations", "containers"),
    *("convolutional_recurrent", "cudnn_recurrent", "experimental.preprocessing"),
    *("experimental", "core.dense", "preprocessing"),
)
_BACKEND = (
    *(f"compat.keras.backend.{part}" for part in ("arrays", "variables", "graphs")),
    *("compat.keras.backend.neural", "compat.keras.backend.recurrent"),
    "backend",
    "ops",
    "config",
    "random",
)
_UTILS = (
    *("np_utils", "generic_utils", "data_utils", "layer_utils", "io_utils"),
    *("vis_utils", "visualize_util", "training_utils", "multi_gpu_utils"),
    "test_utils",
)
# Modules that `keras.layers` and `keras.models` imported, and thus published.
_IMPORTED = {
    "layers": ("activations", "constraints", "initializers", "regularizers"),
    "models": ("layers", "losses", "metrics", "optimizers"),
}
# Paths whose modules have other paths in lamina.
PATHS: dict[str, tuple[str, ...]] = {
    **{f"layers.{name}": ("layers",) for name in _LAYERS},
    **{f"{path}.{n}": (n,) for path, names in _IMPORTED.items() for n in names},
    **{f"{path}.K": _BACKEND for path in _IMPORTED},
    "engine": ("layers", "models", ""),
    "engine.topology": ("layers", "models", ""),
    "engine.training": ("models",),
    "engine.sequential": ("models",),
    "engine.base_layer": ("layers",),
    "engine.input_layer": ("layers", ""),
    "engine.network": ("layers", "models", ""),
    "engine.saving": ("models", "saving"),
    "utils.conv_utils": ("compat.keras.backend.shapes",),
    "datasets.data_utils": ("utils",),
    "legacy": ("legacy",),
    "legacy.interfaces": ("legacy",),
    "legacy.layers": ("layers",),
    "objectives": ("losses",),
    "applications.mobilenetv2": ("applications.mobilenet_v2",),
    "utils.numerical_utils": ("utils",),
    "random.random": ("random",),
    "optimizers.schedules.learning_rate_schedule": ("optimizers.schedules",),
    "initializations": ("compat.keras.initializations",),
    "backend": _BACKEND,
    "backend.tensorflow_backend": _BACKEND,
    "backend.theano_backend": _BACKEND,
    "backend.common": _BACKEND,
    **{f"utils.{name}": ("utils",) for name in _UTILS},
    "callbacks.callbacks": ("callbacks",),
    "callbacks.experimental": ("callbacks",),
    "optimizers.experimental": ("optimizers",),
    "optimizers.legacy": ("optimizers",),
    "preprocessing.text": ("compat.keras.preprocessing.text",),
    "wrappers.scikit_learn": ("compat.keras.wrappers",),
    "mixed_precision.experimental": ("mixed_precision",),
    "experimental": ("optimizers.schedules",),
}
# Modules of `tensorflow.python`, and the public ones; "" is `tensorflow` itself.
SOURCES_OF_TENSORFLOW = {
    **dict.fromkeys(
        (
            *("ops.array_ops", "framework.ops", "ops.control_flow_ops"),
            *("ops.variables", "client", "framework", "ops", "util"),
            *("framework.tensor_shape", "ops.tensor_array_ops"),
        ),
        "",
    ),
    "client.device_lib": "config",
    "framework.dtypes": "dtypes",
    "framework.random_seed": "random",
    **dict.fromkeys(("ops.init_ops", "ops.init_ops_v2"), "initializers"),
    "ops.lookup_ops": "lookup",
    "ops.sparse_ops": "sparse",
    "ops.math_ops": "math",
    **{f"ops.{name}_ops": name for name in ("image", "nn", "random", "string")},
    "ops.nn": "nn",
    "ops.string_ops": "strings",
    "ops.linalg_ops": "linalg",
    "training": "train",
    "util.nest": "nest",
}
# Modules of Keras whose path, without its start, is a public one.
_STARTS = ("src.", "api.", "_tf_keras.keras.")


def library_paths(path: str) -> tuple[str, ...]:
    """Return the paths of lamina's modules for a path within Keras."""
    for start in _STARTS:
        path = path.removeprefix(start)
    if path in ("src", "api", "_tf_keras", "_tf_keras.keras"):
        return ("",)
    if path in PATHS:
        return PATHS[path]
    parent, _, name = path.rpartition(".")
    parents = library_paths(parent) if parent else ("",)
    return tuple(f"{p}.{name}" if p else name for p in parents)
