"""Write a layer: a gate that learns the importance of each column of a table.
A penalty pulls each gate towards 0, so the open gates mark the useful columns."""

import lamina
from lamina import layers, ops


class Gate(layers.Layer):
    """Gate that scales each column of its input.

    Args:
        penalty: weight of the open gates in the loss.
    """

    def __init__(self, penalty: float, **kwargs):
        super().__init__(**kwargs)
        self.penalty = penalty

    def build(self, input_shape):
        self.openness = self.add_weight((input_shape[-1],), "ones", name="openness")

    def call(self, inputs):
        self.add_loss(self.penalty * ops.sum(ops.abs(self.openness)))
        return inputs * self.openness


lamina.utils.set_random_seed(0)
(x, y), (x_test, y_test) = lamina.datasets.auto_mpg.load_data()
normalize = layers.Normalization()
normalize.adapt(x)

gate = Gate(penalty=0.3)
model = lamina.Sequential(
    [
        layers.Input((9,)),
        normalize,
        gate,
        layers.Dense(64, activation="relu", kernel_constraint="unit_norm"),
        layers.Dense(1),
    ]
)
model.compile(lamina.optimizers.Adam(0.01), "mse", metrics=["mae"])
model.fit(x, y, epochs=200, verbose=0)

_, mae = model.evaluate(x_test, y_test, verbose=0)
print(f"Mean absolute error on new cars: {mae:.2f} MPG\n")
print("How far each gate is open:")
names = lamina.datasets.auto_mpg.FEATURES
gates = zip(abs(gate.openness.numpy()), names, strict=True)
for openness, name in sorted(gates, reverse=True):
    print(f"  {name:13} {'#' * round(20 * openness)} {openness:.2f}")
