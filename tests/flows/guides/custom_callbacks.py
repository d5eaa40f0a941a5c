"""Callbacks that print, stop training at the lowest loss, and set learning rates."""

import numpy as np

import lamina as keras


def get_model():
    model = keras.Sequential()
    model.add(keras.layers.Dense(1))
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.1),
        loss="mean_squared_error",
        metrics=["mean_absolute_error"],
    )
    return model


random = np.random.default_rng(0)
x_train = random.random((100, 20)).astype("float32")
y_train = random.random(100)


class NamesOfHooks(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def note(self, name, logs):
        self.seen.append((name, sorted(logs)))

    def on_train_begin(self, logs=None):
        self.note("train begins", logs)

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch ends", logs)

    def on_test_end(self, logs=None):
        self.note("test ends", logs)

    def on_train_batch_end(self, batch, logs=None):
        self.note(f"batch {batch} ends", logs)

    def on_predict_batch_end(self, batch, logs=None):
        self.note(f"predicted {batch}", logs)


hooks = NamesOfHooks()
model = get_model()
model.fit(
    x_train, y_train, batch_size=25, epochs=1, verbose=0, validation_split=0.5,
    callbacks=[hooks],
)  # fmt: skip
model.predict(x_train, batch_size=50, callbacks=[hooks], verbose=0)
both = ["loss", "mean_absolute_error"]
assert hooks.seen == [
    ("train begins", []),
    ("batch 0 ends", both),
    ("batch 1 ends", both),
    ("test ends", both),
    ("epoch ends", [*both, "val_loss", "val_mean_absolute_error"]),
    ("predicted 0", ["outputs"]),
    ("predicted 1", ["outputs"]),
]


class EarlyStoppingAtMinLoss(keras.callbacks.Callback):
    def __init__(self, patience=0):
        super().__init__()
        self.patience = patience
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = np.inf

    def on_epoch_end(self, epoch, logs=None):
        current = logs.get("loss")
        if np.less(current, self.best):
            self.best = current
            self.wait = 0
            self.best_weights = self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True
                self.model.set_weights(self.best_weights)


model, stop = get_model(), EarlyStoppingAtMinLoss()
history = model.fit(
    x_train, y_train, batch_size=64, epochs=100, verbose=0, callbacks=[stop]
)
assert 0 < stop.stopped_epoch == len(history.epoch) - 1


class CustomLearningRateScheduler(keras.callbacks.Callback):
    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def on_epoch_begin(self, epoch, logs=None):
        if not hasattr(self.model.optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        lr = self.model.optimizer.learning_rate
        self.model.optimizer.learning_rate = self.schedule(epoch, lr)


model = get_model()
model.fit(
    x_train, y_train, batch_size=64, epochs=6, verbose=0,
    callbacks=[CustomLearningRateScheduler(lambda epoch, lr: {3: 0.01}.get(epoch, lr))],
)  # fmt: skip
assert abs(float(model.optimizer.learning_rate) - 0.01) < 1e-6
