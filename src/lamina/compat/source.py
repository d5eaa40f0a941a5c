"""Modules of Keras's source, `keras.src`, and the public modules of the same objects.

The path of an object in the source starts with the name of the public module that has
it, as in `keras.src.losses.losses.MeanSquaredError`. Only exceptions are listed here.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_OWN = "lamina.compat.keras.source"
# The public modules that have the names of a folder of the source. A folder that is
# missing here is named like its public module; "" is `keras` itself.
_FOLDERS: dict[str, tuple[str, ...]] = {
    "": ("",),
    "backend": ("backend", "config", "ops", "random", "tree", ""),
    "distribution": ("distribution",),
    "dtype_policies": ("dtype_policies", "config", ""),
    "export": ("layers",),
    "initializers": ("initializers", ""),
    "layers": ("layers", "utils", "utils.bounding_boxes", ""),
    "losses": ("losses", ""),
    "metrics": ("metrics", ""),
    "models": ("models", ""),
    "ops": ("ops", "utils", ""),
    "optimizers": ("optimizers", ""),
    "saving": ("saving", "config"),
    "trainers": ("utils",),
    "utils": ("utils", "config", "backend", "layers", "preprocessing.image"),
    "version": ("",),
}
# Files and folders of the source that are not named after an object in them, such as
# `losses.losses`. Others, such as `layers.core.dense`, are known by their object.
_PARTS: dict[str, str] = {
    "activations": "activations",
    "applications": "imagenet_utils",
    "backend": "common config dtypes global_state keras_tensor masking name_scope "
    "stateless_scope symbolic_scope tensor_attributes variables backend_utils remat",
    "constraints": "constraints",
    "distribution": "distribution_lib",
    "initializers": "constant_initializers random_initializers",
    "layers": "attention convolutional core merging normalization pooling "
    "preprocessing image_preprocessing bounding_boxes converters iou regularization "
    "reshaping rnn base_conv base_merge base_pooling input_spec lambda_layer "
    "spatial_dropout grouped_query_attention clahe max_num_bounding_box",
    "losses": "losses",
    "metrics": "accuracy_metrics confusion_metrics correlation_metrics "
    "f_score_metrics hinge_metrics iou_metrics metrics_utils probabilistic_metrics "
    "reduction_metrics regression_metrics",
    "models": "cloning",
    "ops": "core einops function image linalg math nn numpy operation "
    "operation_utils symbolic_arguments",
    "optimizers": "base_optimizer schedules learning_rate_schedule",
    "random": "random",
    "regularizers": "regularizers",
    "saving": "file_editor object_registration saving_api saving_lib serialization_lib",
    "trainers": "data_adapters data_adapter_utils py_dataset_adapter",
    "tree": "tree_api",
    "utils": "argument_validation audio_dataset_utils backend_utils config "
    "dataset_utils file_utils image_dataset_utils image_utils io_utils "
    "jax_layer model_visualization naming numerical_utils python_utils rng_utils "
    "sequence_utils summary_utils text_dataset_utils timeseries_dataset_utils "
    "torch_utils traceback_utils tracking",
    "wrappers": "sklearn_wrapper",
}
# Objects that packages import from the source and that no public module has, by path.
SOURCE_NAMES: dict[str, str] = {
    ".version": "lamina.compat.keras.functions:version",
    "version.version": "lamina.compat.keras.functions:version",
    "backend.get_keras_mask": f"{_OWN}:get_keras_mask",
    "backend.set_keras_mask": f"{_OWN}:set_keras_mask",
    "backend.standardize_shape": f"{_OWN}:standardize_shape",
    "layers.attention.grouped_query_attention.GroupedQueryAttention": (
        "lamina.layers:GroupQueryAttention"
    ),
    "losses.losses.LossFunctionWrapper": "lamina.losses:LossFunctionWrapper",
    "saving.saving_lib.H5IOStore": f"{_OWN}:H5IOStore",
    "saving.saving_lib.load_model": f"{_OWN}:load_model",
    "saving.saving_lib.save_model": f"{_OWN}:save_model",
    "saving.serialization_lib.deserialize_keras_object": (
        f"{_OWN}:deserialize_keras_object"
    ),
    "saving.serialization_lib.in_safe_mode": f"{_OWN}:in_safe_mode",
    "trainers.data_adapters.data_adapter_utils.class_weight_to_sample_weights": (
        f"{_OWN}:class_weight_to_sample_weights"
    ),
    "utils.backend_utils.in_grain_data_pipeline": f"{_OWN}:in_grain_data_pipeline",
    "utils.tracking.no_automatic_dependency_tracking": (
        f"{_OWN}:no_automatic_dependency_tracking"
    ),
}


def public_module(path: str) -> ModuleType | None:
    """Import the module of lamina at a path, if there is one with public names."""
    name = f"lamina.{path}" if path else "lamina"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("lamina"):
            raise
        return None
    return module if hasattr(module, "__all__") or "compat" in path else None


def source_modules(path: str) -> list[ModuleType]:
    """Return the public modules that have the names of a module of the source.

    Args:
        path: the path within `keras.src`, such as "losses.losses".

    Returns:
        No modules if the source has no such module.
    """
    folder, *rest = path.split(".")
    paths = _FOLDERS.get(folder, (folder,))
    if rest and public_module(f"{folder}.{rest[0]}"):
        folder = f"{folder}.{rest.pop(0)}"
        paths = (folder, *paths)
    modules = [m for p in paths if (m := public_module(p)) is not None]
    known = {name.lower() for module in modules for name in module.__all__}
    known.update(_PARTS.get(path.partition(".")[0], "").split())
    is_known = all(p in known or p.replace("_", "") in known for p in rest)
    return modules if is_known else []
