"""Old functions of `keras` and `keras.utils`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina import initializers, layers, models, utils
from lamina.callbacks import Callback
from lamina.compat.keras.backend.shapes import convert_kernel
from lamina.compat.names import VERSIONS
from lamina.compat.notices import tell
from lamina.errors import FileFormatError
from lamina.models import Model
from lamina.typing import Config, InitializerLike


class BaseLogger(Callback):
    """Callback without effect: logs have averages of metrics.

    Args:
        stateful_metrics: names of metrics that were not averaged.
    """

    def __init__(self, stateful_metrics: Sequence[str] | None = None) -> None:
        super().__init__()


def version() -> str:
    """Return the version of Keras whose names are understood."""
    return VERSIONS["keras"]


def get_file(*arguments: object, **options: object) -> str:
    """Download a file once, and unpack an archive, as in Keras 2.

    Returns:
        The path of the file; with `untar` and a name without an ending, the folder.
    """
    bound = inspect.signature(utils.get_file).bind(*arguments, **options)
    bound.apply_defaults()
    values = bound.arguments
    path = Path(utils.get_file(**values))
    if not (values["extract"] or values["untar"]):
        return str(path)
    link_beside(path)
    name = str(values["fname"] or values["origin"].rpartition("/")[2])
    if path.name == name:
        inner = path / name
        return str(inner if inner.is_dir() else path)
    return str(path.parent / name)


def link_beside(folder: Path) -> None:
    """Link the items of a folder beside it, where archives were unpacked."""
    for item in folder.iterdir():
        beside = folder.parent / item.name
        if not beside.exists():
            beside.unlink(missing_ok=True)  # a link to a folder that was moved
            beside.symlink_to(item.resolve())


class Reduction:
    """Names of reductions of a loss in tf.keras."""

    AUTO = SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    NONE, SUM = "none", "sum"


def model_from_config(config: Config, custom_objects: Config | None = None) -> Any:
    """Return the model or layer that a config with its class describes."""
    tell("model_from_config(config)", "keras.models.model_from_json(text)")
    return layers.deserialize(config, custom_objects)


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Return whether a function takes an argument by name."""
    parameters = inspect.signature(fn).parameters
    found = parameters.get(name)
    if found is None:
        kinds = [p.kind for p in parameters.values()]
        return accept_all and inspect.Parameter.VAR_KEYWORD in kinds
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return found.kind in named


def to_list(x: Any, allow_tuple: bool = False) -> list[Any]:
    """Return a list as it is, and anything else as the item of one."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Any) -> Any:
    """Return the only item of a list, or the list."""
    return x[0] if len(x) == 1 else x


def count_params(weights: Sequence[Any]) -> int:
    """Return the number of values in weights."""
    return sum(int(np.prod(weight.shape)) for weight in weights)


def convert_all_kernels_in_model(model: Model) -> None:
    """Flip the kernels of all convolutions, which Theano stores reversed."""
    for layer in model.layers:
        if hasattr(layer, "kernel_size") and layer.get_weights():
            kernel, *rest = layer.get_weights()
            layer.set_weights([convert_kernel(kernel), *rest])


def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: Sequence[int] = (10,),
    output_shape: Sequence[int] = (2,),
    classification: bool = True,
    num_classes: int = 2,
    **old: Any,
) -> Any:
    """Return random data for training and for tests; the targets shift the inputs."""
    train, test = old.get("nb_train", num_train), old.get("nb_test", num_test)
    classes, count = old.get("nb_class", num_classes), train + test
    if classification:
        y = np.random.randint(0, classes, count)
        shift: Any = y
    else:
        y = 2 * np.random.random((count, *output_shape))
        shift = y.reshape(count, -1)[:, 0]
    shift = shift.reshape(-1, *[1] * len(input_shape))
    x = shift + 0.7 * np.random.standard_normal((count, *input_shape))
    x = x.astype("float32")
    return (x[:train], y[:train]), (x[train:], y[train:])


def slice_arrays(
    arrays: Any,
    start: int | Sequence[int] | np.ndarray | None = None,
    stop: int | None = None,
) -> Any:
    """Return rows of an array, or of each array in a list.

    Args:
        arrays: an array or a list of arrays.
        start: the first row, or the indices of the rows.
        stop: the row after the last.
    """
    if isinstance(arrays, list):
        return [slice_arrays(array, start, stop) for array in arrays]
    return arrays[start] if hasattr(start, "__len__") else arrays[start:stop]


def model_from_yaml(
    yaml_string: str, custom_objects: dict[str, Any] | None = None
) -> Model:
    """Return the model that `to_yaml` described: lamina writes JSON, which is YAML.

    Raises:
        FileFormatError: the text is not JSON.
    """
    tell("model_from_yaml", "model_from_json")
    try:
        json.loads(yaml_string)
    except ValueError:
        raise FileFormatError(
            "model_from_yaml: only JSON, as `model.to_yaml()` writes it here, can be "
            "read. Convert older files: json.dumps(yaml.safe_load(text))."
        ) from None
    return models.model_from_json(yaml_string, custom_objects)


def probas_to_classes(y_pred: np.ndarray) -> np.ndarray:
    """Return the class of each row of probabilities."""
    tell("probas_to_classes", "numpy.argmax(y_pred, axis=-1)")
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return y_pred.argmax(axis=1)
    return np.array([1 if p > 0.5 else 0 for p in y_pred])


def print_summary(model: Model, *args: Any, **options: Any) -> None:
    """Print the summary of a model."""
    tell("print_summary(model)", "model.summary()")
    model.summary(*args, **options)


def multi_gpu_model(
    model: Model, gpus: int | Sequence[int] | None = None, **_: object
) -> Model:
    """Return the model itself, which trains on one device."""
    tell("multi_gpu_model(model)", "model, which trains on one device here")
    return model


def warmstart_embedding_matrix(
    base_vocabulary: str | Path | Sequence[str],
    new_vocabulary: str | Path | Sequence[str],
    base_embeddings: np.ndarray,
    new_embeddings_initializer: InitializerLike = "uniform",
) -> np.ndarray:
    """Return vectors of words: those of known words, and random ones for others.

    Args:
        base_vocabulary: the known words in their order, or a file with one in a line.
        new_vocabulary: the new words, or a file.
        base_embeddings: the vectors of the known words.
        new_embeddings_initializer: initializer of the other vectors.
    """
    known = {word: i for i, word in enumerate(_words(base_vocabulary))}
    words, vectors = _words(new_vocabulary), np.asarray(base_embeddings)
    name = new_embeddings_initializer
    initializer = initializers.get("random_uniform" if name == "uniform" else name)
    found = np.array(initializer((len(words), vectors.shape[1])))
    for i, word in enumerate(words):
        if word in known:
            found[i] = vectors[known[word]]
    return found


def _words(vocabulary: str | Path | Sequence[str]) -> list[str]:
    if isinstance(vocabulary, (str, Path)):
        return Path(vocabulary).read_text(encoding="utf-8").splitlines()
    return [str(word) for word in vocabulary]
