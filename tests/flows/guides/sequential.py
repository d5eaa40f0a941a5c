"""A stack that is built late, popped, added to, and looked into."""

import lamina as keras
from lamina import layers, ops

model = keras.Sequential(
    [
        layers.Dense(2, activation="relu", name="layer1"),
        layers.Dense(3, activation="relu", name="layer2"),
        layers.Dense(4, name="layer3"),
    ]
)
assert model(ops.ones((3, 3))).shape == (3, 4)
model.pop()
assert len(model.layers) == 2

layer = layers.Dense(3)
assert layer.weights == []
layer(ops.ones((1, 4)))
assert [tuple(w.shape) for w in layer.weights] == [(4, 3), (3,)]

model = keras.Sequential(name="features")
model.add(keras.Input(shape=(25, 25, 3)))
model.add(layers.Conv2D(8, 5, strides=2, activation="relu"))
model.add(layers.Conv2D(8, 3, activation="relu", name="middle"))
model.summary()
model.add(layers.GlobalMaxPooling2D())
assert model.output_shape == (None, 8)

every_layer = keras.Model(
    inputs=model.inputs, outputs=[layer.output for layer in model.layers]
)
shapes = [feature.shape for feature in every_layer(ops.ones((1, 25, 25, 3)))]
assert shapes == [(1, 11, 11, 8), (1, 9, 9, 8), (1, 8)]
one = keras.Model(inputs=model.inputs, outputs=model.get_layer(name="middle").output)
assert one.output_shape == (None, 9, 9, 8)

for layer in model.layers[:-1]:
    layer.trainable = False
assert model.trainable_weights == []
