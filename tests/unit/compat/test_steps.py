"""Own steps and layers of tf.keras 2."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose


def test_step_with_the_compiled_loss_and_metrics_trains_as_fit_does():
    import tensorflow as tf

    class Own(tf.keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            pairs = zip(gradients, self.trainable_variables, strict=True)
            self.optimizer.apply_gradients(pairs)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    histories = []
    for cls in (Own, tf.keras.Model):
        tf.keras.utils.set_random_seed(1)
        inputs = tf.keras.Input((3,))
        model = cls(inputs, tf.keras.layers.Dense(1)(inputs))
        model.compile(tf.keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
        history = model.fit(
            x, x[:, :1], batch_size=4, epochs=2, shuffle=False, verbose=0
        )
        histories.append(history.history)
    own, plain = histories
    assert_allclose(own["loss"], plain["loss"], rtol=1e-5)
    assert_allclose(own["mae"], plain["mae"], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:The training step changes no weight")
def test_step_of_tf_keras_gets_x_alone():
    import tensorflow as tf

    shapes = []

    class Own(tf.keras.Sequential):
        def train_step(self, data):
            shapes.append(data.shape)
            return {"loss": tf.reduce_sum(self(data))}

    model = Own([tf.keras.layers.Dense(1)])
    model.compile("sgd")
    model.fit(np.ones((4, 2), "float32"), batch_size=4, verbose=0)
    assert shapes[-1] == (4, 2)


def test_validation_data_without_rows_is_omitted():
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    empty = (tf.constant(x[4:]), x[4:, :1])
    history = model.fit(x, x[:, :1], validation_data=empty, verbose=0)
    assert list(history.history) == ["loss"]


def test_tensorboard_without_its_package_warns(monkeypatch, tmp_path):
    import tensorflow as tf

    from lamina.compat.patches import callbacks
    from lamina.compat.tensorflow.utilities import summary

    for module in (callbacks, summary):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="TensorBoard writes nothing"):
        callback = tf.keras.callbacks.TensorBoard(tmp_path)
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 1)), np.ones((2, 1)), callbacks=[callback], verbose=0)
    with pytest.warns(UserWarning, match=r"tf.summary writes nothing"):
        writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default(step=1):
        tf.summary.scalar("loss", 1.0)
    assert not list(tmp_path.iterdir())


def test_metrics_are_reset_by_their_old_name():
    import tensorflow as tf

    mean = tf.keras.metrics.Mean()
    mean(3.0)
    mean.reset_states()
    assert float(mean.result()) == 0.0
    assert mean.metrics == [mean]


def test_name_of_a_weight_may_come_first():
    import tensorflow as tf

    class Dense(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", shape=[int(input_shape[-1]), 2])

        def call(self, x):
            return tf.matmul(x, self.kernel)

    layer = Dense()
    assert layer(tf.ones((1, 3))).shape == (1, 2)
    assert layer.kernel.name == "kernel"

    class Count(tf.keras.metrics.Metric):
        def __init__(self, name="count", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(
                "total", (2,), tf.VariableAggregation.SUM, initializer="zeros"
            )

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(tf.reduce_sum(y_true, axis=0))

        def result(self):
            return self.total

    count = Count()
    count.update_state(tf.ones((3, 2)), None)
    assert count.result().numpy().tolist() == [3, 3]


def test_loop_over_a_range_of_steps_writes_an_array():
    import tensorflow as tf

    class Recurrent(tf.keras.layers.Layer):
        def __init__(self, cell):
            super().__init__()
            self.cell = cell

        @tf.function
        def call(self, inputs):
            states = self.cell.get_initial_state(inputs)
            steps = tf.shape(inputs)[1]
            sequence = tf.TensorArray(inputs.dtype, size=steps)
            for step in tf.range(steps):
                output, states = self.cell(inputs[:, step], states)
                sequence = sequence.write(step, output)
            return tf.transpose(sequence.stack(), [1, 0, 2])

    cell = tf.keras.layers.SimpleRNNCell(3)
    model = tf.keras.Sequential([tf.keras.Input((4, 2)), Recurrent(cell)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(5, 4, 2))
    model.fit(x, np.zeros((5, 4, 3)), verbose=0)
    expected = tf.keras.layers.RNN(cell, return_sequences=True)
    assert_allclose(model.predict(x, verbose=0), expected(x), atol=1e-6)
    assert expected.get_initial_state(x)[0].shape == (5, 3)
    assert expected.get_initial_state(batch_size=2)[0].shape == (2, 3)


def test_shapes_that_are_computed_by_tensorflow_are_known_in_a_model():
    import tensorflow as tf

    class Masks(tf.keras.layers.Layer):
        def call(self, x):
            batch, steps = tf.shape(x)[0], tf.shape(x)[1]
            i, j = tf.range(steps)[:, tf.newaxis], tf.range(steps)
            mask = tf.reshape(tf.cast(i >= j, "int32"), (1, steps, steps))
            count = tf.concat(
                [tf.expand_dims(batch, -1), tf.constant([1, 1], dtype=tf.int32)], axis=0
            )
            return tf.tile(mask, count)

    inputs = tf.keras.Input((3, 4))
    model = tf.keras.Model(inputs, Masks()(inputs))
    found = model.predict(np.zeros((2, 3, 4), "float32"), verbose=0)
    assert found.tolist() == [np.tril(np.ones((3, 3))).tolist()] * 2
