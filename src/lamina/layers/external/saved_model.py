"""`TFSMLayer`, which only TensorFlow can run."""

from __future__ import annotations

import os

from lamina.core.dtypes import PolicyLike
from lamina.errors import MissingMethodError
from lamina.layers.base import Layer


class TFSMLayer(Layer):
    """Layer of a TensorFlow SavedModel, which lamina refuses.

    A SavedModel is a program of TensorFlow and not of JAX. Save the model as a `.keras`
    file and load that: `lamina.models.load_model(path)`.

    Args:
        filepath: path of the SavedModel.
        call_endpoint: its endpoint for `call`.
        call_training_endpoint: its endpoint in training.
        trainable: whether `fit` updates the weights.
        name: name of the layer.
        dtype: an element type or a dtype policy.

    Shape:
        As the SavedModel defines it.

    Raises:
        MissingMethodError: always.

    Example:
        >>> TFSMLayer("saved_model")
        Traceback (most recent call last):
            ...
        lamina.errors.MissingMethodError: TFSMLayer cannot run 'saved_model': ...
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        raise MissingMethodError(
            f"TFSMLayer cannot run {str(filepath)!r}: a SavedModel is a program of "
            "TensorFlow, and lamina computes with JAX. Save the model as a `.keras` "
            "file with Keras, and load it: `lamina.models.load_model(path)`."
        )
