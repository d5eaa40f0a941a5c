"""Twin towers, the distance between what they see, and a contrastive loss."""

import lamina as keras
from lamina import ops


def euclidean_distance(vects):
    x, y = vects
    sum_square = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(sum_square, keras.config.epsilon()))


def loss(margin=1):
    def contrastive_loss(y_true, y_pred):
        square_pred = ops.square(y_pred)
        margin_square = ops.square(ops.maximum(margin - (y_pred), 0))
        return ops.mean((1 - y_true) * square_pred + (y_true) * margin_square)

    return contrastive_loss


single = keras.layers.Input((8, 8, 1))
x = keras.layers.BatchNormalization()(single)
x = keras.layers.Conv2D(4, (3, 3), activation="tanh")(x)
x = keras.layers.AveragePooling2D(pool_size=(2, 2))(x)
x = keras.layers.Flatten()(x)
x = keras.layers.Dense(10, activation="tanh")(x)
tower = keras.Model(single, x)

input_1, input_2 = keras.layers.Input((8, 8, 1)), keras.layers.Input((8, 8, 1))
merged = keras.layers.Lambda(euclidean_distance, output_shape=(1,))(
    [tower(input_1), tower(input_2)]
)
normal = keras.layers.BatchNormalization()(merged)
output = keras.layers.Dense(1, activation="sigmoid")(normal)
siamese = keras.Model(inputs=[input_1, input_2], outputs=output)
siamese.compile(loss=loss(margin=1), optimizer="RMSprop", metrics=["accuracy"])
siamese.summary()

(images, digits), _ = keras.datasets.digits.load_data()
left, right = images[:-1], images[1:]
differ = (digits[:-1] != digits[1:]).astype("float32")
history = siamese.fit(
    [left, right], differ, validation_data=([left[:64], right[:64]], differ[:64]),
    batch_size=64, epochs=2, verbose=0,
).history  # fmt: skip
assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
assert history["loss"][-1] < history["loss"][0]
