"""Use callbacks to save the best model, lower the learning rate and print progress.
Then load the saved model, which needs no code of this script."""

import tempfile
from pathlib import Path

import lamina
from lamina import callbacks, layers


class Report(callbacks.Callback):
    """Print changes of the learning rate and improvements of the validation loss."""

    best = float("inf")
    rate = None

    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        if rate != self.rate:
            print(f"epoch {epoch + 1:3}: learning rate {rate:.5f}")
        if logs["val_loss"] < 0.8 * self.best:
            self.best = logs["val_loss"]
            print(f"epoch {epoch + 1:3}: validation loss {self.best:.3f}")
        self.rate = rate


lamina.utils.set_random_seed(0)
(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
model = lamina.Sequential(
    [
        layers.Input((8, 8)),
        layers.Rescaling(1 / 16),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "best.keras"
    history = model.fit(
        x, y, epochs=80, validation_split=0.2, verbose=0,
        callbacks=[
            callbacks.ModelCheckpoint(path, save_best_only=True),
            callbacks.ReduceLROnPlateau(factor=0.3, patience=5),
            callbacks.EarlyStopping(patience=15),
            callbacks.CSVLogger(Path(folder) / "log.csv"),
            Report(),
        ],
    )  # fmt: skip
    print(f"Training stopped after epoch {len(history.epoch)}.\n")
    print("The log's last line:", (Path(folder) / "log.csv").read_text().split()[-1])
    print(f"The best model: {path.name}, {path.stat().st_size / 1024:.0f} KiB")
    best = lamina.models.load_model(path)

for name, candidate in {"last": model, "best": best}.items():
    loss, accuracy = candidate.evaluate(x_test, y_test, verbose=0)
    print(f"The {name} model on new digits: loss {loss:.3f}, accuracy {accuracy:.1%}")
