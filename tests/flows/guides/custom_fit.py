"""Training and test steps of one's own, in Keras's stateless form for JAX."""

import jax
import numpy as np

import lamina as keras


class CustomModel(keras.Model):
    def compute_loss_and_updates(
        self, trainable_variables, non_trainable_variables, x, y, training=False
    ):
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=training
        )
        loss = self.compute_loss(x, y, y_pred)
        return loss, (y_pred, non_trainable_variables)

    def updated_metrics(self, metrics_variables, loss, y, y_pred):
        logs, updated = {}, []
        for metric in self.metrics:
            mine = metrics_variables[
                len(updated) : len(updated) + len(metric.variables)
            ]
            if metric.name == "loss":
                mine = metric.stateless_update_state(mine, loss)
            else:
                mine = metric.stateless_update_state(mine, y, y_pred)
            logs[metric.name] = metric.stateless_result(mine)
            updated += mine
        return logs, updated

    def train_step(self, state, data):
        (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        ) = state
        x, y = data
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, non_trainable_variables)), grads = grad_fn(
            trainable_variables, non_trainable_variables, x, y, training=True
        )
        trainable_variables, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, grads, trainable_variables
        )
        logs, metrics_variables = self.updated_metrics(
            metrics_variables, loss, y, y_pred
        )
        return logs, (
            trainable_variables,
            non_trainable_variables,
            optimizer_variables,
            metrics_variables,
        )

    def test_step(self, state, data):
        x, y = data
        trainable_variables, non_trainable_variables, metrics_variables = state
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=False
        )
        loss = self.compute_loss(x, y, y_pred)
        logs, metrics_variables = self.updated_metrics(
            metrics_variables, loss, y, y_pred
        )
        return logs, (trainable_variables, non_trainable_variables, metrics_variables)


random = np.random.default_rng(0)
x, y = random.random((96, 8)), random.random((96, 1))
results = []
for kind in (CustomModel, keras.Model):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape=(8,))
    outputs = keras.layers.Dense(1)(keras.layers.Dense(4, "relu")(inputs))
    model = kind(inputs, outputs)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    history = model.fit(x, y, epochs=3, verbose=0, seed=1).history
    results.append([*history["loss"], *model.evaluate(x, y, verbose=0)])
np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
