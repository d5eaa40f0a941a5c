"""Write a training step: sharpness-aware minimization (SAM, Foret et al. 2021).
`train_step` runs inside the compiled loop at full speed."""

import numpy as np

import lamina
from lamina import layers, ops


class SharpnessAware(lamina.Sequential):
    """Model that is trained for weights whose neighborhood has a low loss."""

    radius = 0.6

    def train_step(self, data):
        x, y = data
        weights = self.trainable_variables

        def loss_of_batch():
            return self.compute_loss(x, y, self(x, training=True))

        loss, gradients = lamina.value_and_grad(loss_of_batch, weights)
        norm = ops.sqrt(sum(ops.sum(gradient**2) for gradient in gradients))
        offsets = [self.radius * gradient / (norm + 1e-7) for gradient in gradients]
        for weight, offset in zip(weights, offsets, strict=True):
            weight.assign_add(offset)
        _, gradients = lamina.value_and_grad(loss_of_batch, weights)
        for weight, offset in zip(weights, offsets, strict=True):
            weight.assign_sub(offset)
        self.optimizer.apply(gradients, weights)
        return {"loss": loss}


def mistakes_of(kind: type[lamina.Sequential], seed: int) -> int:
    """Train with wrong labels and return the number of errors on new digits."""
    lamina.utils.set_random_seed(seed)
    model = kind(
        [
            layers.Input((64,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:200], y[:200], epochs=200, verbose=0)
    return int((model.predict(x_test).argmax(-1) != y_test).sum())


(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
x, x_test = (images.reshape(-1, 64) / np.float32(16) for images in (x, x_test))
y[:40] = (y[:40] + 1) % 10

print("Learning from 200 digits of which 40 have a wrong label;")
print(f"errors on {len(x_test)} new digits after training with")
print("seed   the usual step   the sharpness-aware step")
for seed in range(3):
    usual = mistakes_of(lamina.Sequential, seed)
    aware = mistakes_of(SharpnessAware, seed)
    print(f"{seed:4} {usual:16} {aware:26}")
