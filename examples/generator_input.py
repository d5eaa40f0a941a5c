"""Train on batches from a generator that shifts digits at random.
The generator is infinite, so `steps_per_epoch` sets the length of an epoch."""

import numpy as np

import lamina
from lamina import layers


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shift each image by up to two pixels in each direction on a larger canvas."""
    canvas = np.zeros((len(images), 12, 12, 1), "float32")
    for target, image in zip(canvas, images, strict=True):
        top, left = random.integers(5, size=2)
        target[top : top + 8, left : left + 8, 0] = image / 16
    return canvas


def batches(images: np.ndarray, digits: np.ndarray, size: int = 32):
    random = np.random.default_rng(0)
    while True:
        rows = random.integers(len(images), size=size)
        yield shifted(images[rows], random), digits[rows]


def trained(*data, **fit) -> lamina.Sequential:
    lamina.utils.set_random_seed(0)
    model = lamina.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, epochs=15, verbose=0, **fit)
    return model


(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
centered = np.pad(x / np.float32(16), ((0, 0), (2, 2), (2, 2)))[..., None]
moved = shifted(x_test, np.random.default_rng(1))

print("Digits anywhere on the canvas, read correctly after training")
for name, model in {
    "on digits in the middle": trained(centered, y),
    "on shifted digits": trained(batches(x, y), steps_per_epoch=45),
}.items():
    print(f"  {name:24} {model.evaluate(moved, y_test, verbose=0)[1]:.1%}")
