"""Build a functional model with two inputs: do two images show the same digit?
Both images pass through one shared encoder."""

import numpy as np

import lamina
from lamina import layers, ops

lamina.utils.set_random_seed(0)
random = np.random.default_rng(0)


def pairs(images: np.ndarray, digits: np.ndarray, count: int):
    """Return pairs of images, every second of the same digit, and their labels."""
    left = random.integers(len(images), size=count)
    right = random.integers(len(images), size=count)
    for i in range(0, count, 2):
        right[i] = random.choice(np.flatnonzero(digits == digits[left[i]]))
    same = (digits[left] == digits[right]).astype("float32")
    return {"left": images[left], "right": images[right]}, same


(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
x, x_test = (images.reshape(-1, 64) / np.float32(16) for images in (x, x_test))

encoder = lamina.Sequential(
    [layers.Dense(128, activation="relu"), layers.Dense(32)], name="encoder"
)
left, right = layers.Input((64,), name="left"), layers.Input((64,), name="right")
distance = ops.abs(encoder(left) - encoder(right))
same = layers.Dense(1, activation="sigmoid", name="same")(distance)
model = lamina.Model({"left": left, "right": right}, same)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.summary()

model.fit(*pairs(x, y, 20_000), batch_size=64, epochs=10, verbose=2)
_, accuracy = model.evaluate(*pairs(x_test, y_test, 2_000), verbose=0)
print(f"\n{accuracy:.1%} of new pairs are judged correctly.")

print("The encoder never saw a digit as label. Nearest neighbors of new digits among")
print("the training digits, by the encoder's output:")
old, new = encoder.predict(x), encoder.predict(x_test[:8])
for code, digit in zip(new, y_test, strict=False):
    nearest = np.abs(old - code).sum(-1).argsort()[:10]
    print(f"  {digit}: {' '.join(str(d) for d in y[nearest])}")
