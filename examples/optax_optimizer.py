"""Use an Optax transformation as the optimizer: here a chain with a schedule.
lamina's AdamW gives nearly the same losses with equal hyperparameters."""

import numpy as np
import optax

import lamina
from lamina import layers

(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
x, x_test = (images.reshape(-1, 64) / np.float32(16) for images in (x, x_test))
STEPS = 20 * -(-len(x) // 32)

OPTIMIZERS = {
    "lamina: AdamW": lamina.optimizers.AdamW(
        lamina.optimizers.schedules.CosineDecay(0.003, STEPS), weight_decay=0.01
    ),
    "optax: adamw": optax.adamw(
        optax.cosine_decay_schedule(0.003, STEPS), weight_decay=0.01, eps=1e-7
    ),
    "optax: clip, lion, warm-up": optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.lion(optax.warmup_cosine_decay_schedule(0, 0.001, 100, STEPS)),
    ),
}

for name, optimizer in OPTIMIZERS.items():
    lamina.utils.set_random_seed(0)
    model = lamina.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    curve = " ".join(f"{loss:.4f}" for loss in losses[3::4])
    print(f"{name:27} loss {curve}  accuracy {accuracy:.1%}")
