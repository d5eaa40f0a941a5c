"""Models of keras-hub, and what keras-hub makes of them with Keras.

    python tests/packages/hub_models.py FOLDER

The folder has presets that lamina saved, in `lamina-NAME`. The program adds presets of
its own, in `keras-NAME`, and writes its results to `NAME.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_TRANSFORMER = {
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "dropout": 0.0,  # random numbers differ from Keras's
}
_TEXT = {
    **_TRANSFORMER,
    "vocabulary_size": 50,
    "intermediate_dim": 32,
    "max_sequence_length": 12,
}
_LENGTHS = np.array([[8], [5], [3], [8]])


def _tokens(rng: np.random.Generator) -> dict[str, np.ndarray]:
    mask = np.arange(8) < _LENGTHS
    return {"token_ids": rng.integers(0, 50, (4, 8)), "padding_mask": mask.astype(int)}


def _images(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 1, (4, 16, 16, 3)).astype("float32")


def bert(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    from keras_hub import models

    x = {**_tokens(rng), "segment_ids": rng.integers(0, 2, (4, 8))}
    backbone = models.BertBackbone(**_TEXT)
    task = models.BertTextClassifier(
        backbone=backbone, num_classes=2, preprocessor=None, dropout=0.0
    )
    return task, x, np.array([0, 1, 0, 1])


def gpt2(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    from keras_hub import models

    backbone = models.GPT2Backbone(**_TEXT)
    task = models.GPT2CausalLM(backbone=backbone, preprocessor=None)
    return task, _tokens(rng), rng.integers(0, 50, (4, 8))


def vit(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    from keras_hub import models

    sizes = {"image_shape": (16, 16, 3), "patch_size": 4, "mlp_dim": 32}
    backbone = models.ViTBackbone(
        **{k: v for k, v in _TRANSFORMER.items() if k != "dropout"}, **sizes
    )
    task = models.ViTImageClassifier(
        backbone=backbone, num_classes=3, preprocessor=None
    )
    return task, _images(rng), np.array([0, 1, 2, 1])


def resnet(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    from keras_hub import models

    backbone = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )
    task = models.ResNetImageClassifier(
        backbone=backbone, num_classes=3, preprocessor=None
    )
    return task, _images(rng), np.array([0, 1, 2, 1])


MODELS: dict[str, Callable[[np.random.Generator], tuple[Any, Any, Any]]] = {
    "bert": bert,
    "gpt2": gpt2,
    "vit": vit,
    "resnet": resnet,
}


def made(name: str) -> tuple[Any, Any, Any]:
    """Return a task model with the same weights for each caller, and its data."""
    rng = np.random.default_rng(0)
    task, x, y = MODELS[name](rng)
    for weight in task.weights:
        value = 0.1 * rng.normal(size=weight.shape)
        weight.assign(abs(value) + 0.5 if "variance" in weight.path else value)
    return task, x, y


def outputs(model: Any, x: Any) -> list[np.ndarray]:
    """Return the predictions of a model, in one list."""
    import keras

    return keras.tree.flatten(model.predict(x, verbose=0))


def results(name: str, folder: Path) -> dict[str, Any]:
    """Compute, train and save a model.

    Args:
        name: one of `MODELS`.
        folder: the folder for the preset.
    """
    import keras

    task, x, y = made(name)
    found: dict[str, Any] = {
        "paths": [weight.path for weight in task.weights],
        "outputs": outputs(task, x)[0],
    }
    for i, value in enumerate(outputs(task.backbone, x)):
        found[f"features_{i}"] = value
    if name == "gpt2":
        task.compile(sampler="greedy")
        found["generated"] = task.generate(x, stop_token_ids=None)["token_ids"]
    task.compile(optimizer=keras.optimizers.Adam(1e-3))
    found["loss"] = task.fit(x, y, batch_size=4, epochs=1, verbose=0).history["loss"]
    found["trained"] = outputs(task, x)[0]
    task.save_to_preset(str(folder))
    return found


def loaded(name: str, folder: Path) -> np.ndarray:
    """Return the predictions of a model that is loaded from a preset."""
    task, x, _ = made(name)
    return outputs(type(task).from_preset(str(folder)), x)[0]


def main(folder: Path) -> None:
    """Write results of Keras for all models, with and without lamina's presets."""
    for name in MODELS:
        found = results(name, folder / f"keras-{name}")
        found["loaded"] = loaded(name, folder / f"lamina-{name}")
        np.savez(folder / f"{name}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
