"""Utilities for labels, sequences, seeds, serialization and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from lamina.core.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
)
from lamina.core.custom_objects import (
    register_serializable as register_keras_serializable,
)
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import SymbolicTensor
from lamina.core.module import reset_names
from lamina.core.random.seeds import set_seed as set_random_seed
from lamina.core.registry import deserialize as deserialize_keras_object
from lamina.core.registry import serialize as serialize_keras_object
from lamina.lazy import lazy_attributes, origins_of
from lamina.progress.progbar import Progbar
from lamina.utils import legacy
from lamina.utils.arrays import normalize, pad_sequences, to_categorical
from lamina.utils.config import Config

if TYPE_CHECKING:
    from lamina.data.adapt import pack_x_y_sample_weight, unpack_x_y_sample_weight
    from lamina.data.dataset import PyDataset
    from lamina.data.dataset import PyDataset as Sequence
    from lamina.data.files.directories import (
        audio_dataset_from_directory,
        image_dataset_from_directory,
        text_dataset_from_directory,
    )
    from lamina.data.files.images import array_to_img, img_to_array, load_img, save_img
    from lamina.data.pipeline.arrays import (
        split_dataset,
        timeseries_dataset_from_array,
    )
    from lamina.datasets.fetch import get_file
    from lamina.diagrams.dot import model_to_dot
    from lamina.diagrams.model_plot import plot_model
    from lamina.models.feature_space import FeatureSpace
    from lamina.models.function import get_source_inputs
    from lamina.utils import bounding_boxes
else:
    _MODULES = {
        "data.adapt": ("pack_x_y_sample_weight", "unpack_x_y_sample_weight"),
        "data.dataset": ("PyDataset",),
        "data.files.directories": (
            "audio_dataset_from_directory",
            "image_dataset_from_directory",
            "text_dataset_from_directory",
        ),
        "data.files.images": ("array_to_img", "img_to_array", "load_img", "save_img"),
        "data.pipeline.arrays": ("split_dataset", "timeseries_dataset_from_array"),
        "datasets.fetch": ("get_file",),
        "models.feature_space": ("FeatureSpace",),
        "models.function": ("get_source_inputs",),
        "diagrams.dot": ("model_to_dot",),
        "diagrams.model_plot": ("plot_model",),
    }
    __getattr__ = lazy_attributes(
        __name__,
        bounding_boxes="lamina.utils.bounding_boxes",
        Sequence="lamina.data.dataset:PyDataset",
        **origins_of("lamina", _MODULES),
    )


__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


def __dir__() -> list[str]:
    return __all__


def is_keras_tensor(x: object) -> bool:
    """Return whether a value is a symbolic tensor, as `Input` and layers return.

    Args:
        x: any value.

    Example:
        >>> is_keras_tensor(lamina.Input((3,))), is_keras_tensor(jnp.zeros(3))
        (True, False)
    """
    return isinstance(x, SymbolicTensor)


def clear_session(free_memory: bool = True) -> None:
    """Restart the counters of automatic layer names.

    lamina has no global list of models, so nothing else needs to be cleared.

    Args:
        free_memory: accepted for Keras's signature.

    Example:
        >>> clear_session()
        >>> lamina.layers.Dense(1).name
        'dense'
    """
    reset_names()
