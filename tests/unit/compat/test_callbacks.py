"""Old arguments of callbacks."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lamina import Sequential, layers
from lamina.compat.defaults import Release, use
from lamina.training import callbacks


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ReduceLROnPlateau", {"epsilon": 0.1}, {"min_delta": 0.1}),
        ("TensorBoard", {"write_grads": True, "batch_size": 3}, {}),
        ("ModelCheckpoint", {"filepath": "m", "period": 1}, {"filepath": "m.keras"}),
    ],
)
def test_old_arguments_make_the_same_callback(name, old, new):
    cls = getattr(callbacks, name)
    found, expected = (dict(vars(cls(**options))) for options in (old, new))
    for attributes in (found, expected):
        attributes.pop("_arguments")
        attributes.pop("_profile", None)  # an object of each callback
    assert found == expected


def test_old_names_of_metrics_are_monitored(tmp_path):
    model = Sequential([layers.Input((2,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    path = str(tmp_path / "{epoch}-{val_acc:.1f}.keras")
    checkpoint = callbacks.ModelCheckpoint(path, "val_acc", save_best_only=True)
    stop = callbacks.EarlyStopping(monitor="acc", patience=0)
    x = np.ones((20, 2))
    data = {"validation_data": (x, x[:, :1])}
    model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[checkpoint, stop], **data)
    assert (checkpoint.monitor, stop.monitor) == ("val_accuracy", "accuracy")
    assert os.listdir(tmp_path) == [f"1-{checkpoint.best:.1f}.keras"]


def test_checkpoint_of_a_period_saves_every_so_many_epochs(tmp_path):
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    path = tmp_path / "{epoch}.keras"
    checkpoint = callbacks.ModelCheckpoint(path, period=3)  # pyright: ignore
    x = np.ones((4, 2))
    model.fit(x, x[:, :1], epochs=7, verbose=0, callbacks=[checkpoint])
    assert sorted(os.listdir(tmp_path)) == ["3.keras", "6.keras"]


@pytest.mark.parametrize("batch", [(), (None,), (2,)])
def test_checkpoint_tells_the_path_of_an_epoch(batch):
    checkpoint = callbacks.ModelCheckpoint("{epoch}-{batch}-{loss:.1f}.keras")
    path = checkpoint._get_file_path(4, *batch, {"loss": 0.25})
    assert path == f"5-{3 if batch == (2,) else 1}-0.2.keras"


def test_history_finds_the_only_accuracy():
    logs = callbacks.History().history
    logs.update({"binary_accuracy": [0.5], "val_binary_accuracy": [0.25]})
    assert logs["acc"] == [0.5] and logs["val_acc"] == [0.25]
    logs["other_accuracy"] = [1.0]
    with pytest.raises(KeyError):
        logs["acc"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Precision", "precision"),
        ("AUC", "auc"),
        ("val_FalsePositives", "val_false_positives"),
        ("val_digits_MeanIoU", "val_digits_mean_io_u"),
        ("learning_rate", "lr"),
    ],
)
def test_metric_of_a_class_has_the_name_of_its_object_too(name, key):
    logs = callbacks.History().history
    logs.update({name: [0.5], "loss": [1.0]})
    assert logs[key] == [0.5]
    with pytest.raises(KeyError):
        logs[key.replace("_", "__") if "_" in key else f"val_{key}"]


def test_metric_of_a_class_is_monitored_by_the_name_of_its_object():
    model = Sequential([layers.Input((2,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["Precision"])
    stop = callbacks.EarlyStopping(monitor="precision", mode="max")
    x = np.ones((20, 2))
    model.fit(x, x[:, :1], verbose=0, callbacks=[stop])
    assert stop.monitor == "Precision"


class Watcher(callbacks.Callback):
    """Callback that reads what Keras 1 and 2 gave to callbacks."""

    def __init__(self, data=None):
        super().__init__()
        self.validation_data, self.found = data, {}

    def on_epoch_end(self, epoch, logs=None):
        names = ("nb_epoch", "nb_sample", "samples", "batch_size", "do_validation")
        self.found = {name: self.params[name] for name in (*names, "metrics")}
        self.by_get = self.params.get("samples"), "samples" in self.params
        self.missing = self.params.get("metric"), "metric" in self.params


X = np.arange(20.0).reshape(10, 2)
CHOICES = {
    "arrays": ({"validation_data": (X[:4], X[:4, :1])}, 10, X[:4]),
    "split": ({"validation_split": 0.2}, 8, X[8:]),
    "none": ({}, 10, None),
    "old name": ({"nb_epoch": 2, "validation_data": (X, X[:, :1])}, 10, X),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_callbacks_have_the_data_and_parameters_of_keras_2(choice):
    options, samples, validation = CHOICES[choice]
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    watcher, own = Watcher(), Watcher("its own")
    epochs = {} if "nb_epoch" in options else {"epochs": 2}
    options = {**epochs, "batch_size": 2, "verbose": 0, **options}
    model.fit(X, X[:, :1], callbacks=[watcher, own], **options)
    assert own.validation_data == "its own"
    names = ["loss", "mae"]
    is_validated = validation is not None
    metrics = [*names, *(f"val_{n}" for n in names if is_validated)]
    assert watcher.found == {
        "nb_epoch": 2,
        "nb_sample": samples,
        "samples": samples,
        "batch_size": 2,
        "do_validation": is_validated,
        "metrics": metrics,
    }
    assert watcher.by_get == (samples, True)
    assert watcher.missing == (None, False)
    if validation is None:
        assert watcher.validation_data is None
    else:
        x, y, weights = watcher.validation_data
        np.testing.assert_array_equal(x, validation)
        np.testing.assert_array_equal(y, validation[:, :1])
        np.testing.assert_array_equal(weights, np.ones(len(validation)))


class Batches(callbacks.Callback):
    """Callback that stores what it gets for each batch."""

    def __init__(self):
        super().__init__()
        self.begin, self.end, self.tested = [], [], []

    def on_batch_begin(self, batch, logs=None):
        self.begin.append(logs)

    def on_batch_end(self, batch, logs=None):
        self.end.append(logs)

    def on_test_batch_end(self, batch, logs=None):
        self.tested.append(logs)


def _batches(count):
    while True:
        for i in range(count):
            yield X[: 4 + i], X[: 4 + i, :1]


SIZES = {
    "arrays": ({"x": X, "y": X[:, :1], "batch_size": 4}, [4, 4, 2]),
    "in order": ({"x": X, "y": X[:, :1], "batch_size": 4, "shuffle": False}, [4, 4, 2]),
    "one batch": ({"x": X, "y": X[:, :1]}, [10]),
    "generator": ({"x": _batches(3), "steps_per_epoch": 3}, [4, 5, 6]),
}


@pytest.mark.parametrize("needs", ["model", "batches"])
@pytest.mark.parametrize("choice", SIZES)
def test_logs_of_batches_have_their_sizes_until_keras_2_3(choice, needs):
    options, sizes = SIZES[choice]
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    watcher = Batches()
    watcher.needs = needs
    with use(Release.KERAS_2_3):
        model.fit(**options, epochs=2, verbose=0, callbacks=[watcher])
    expected = [{"batch": i, "size": size} for i, size in enumerate(sizes)] * 2
    assert watcher.begin == expected
    losses = [logs.pop("loss") for logs in watcher.end]
    assert watcher.end == expected and np.isfinite(losses).all()


def test_logs_of_batches_of_validation_have_their_sizes():
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    watcher = Batches()
    with use(Release.KERAS_1):
        model.evaluate(X, X[:, :1], batch_size=7, verbose=0, callbacks=[watcher])
    assert [logs["size"] for logs in watcher.tested] == [7, 3]


def test_logs_of_batches_have_no_sizes_in_programs_of_tf_keras():
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    watcher = Batches()
    with use(Release.TF_KERAS_2):
        model.fit(X, X[:, :1], verbose=0, callbacks=[watcher])
    assert watcher.begin == [{}] and list(watcher.end[0]) == ["loss"]


def test_base_logger_changes_no_logs():
    from keras.callbacks import BaseLogger

    x, y = np.ones((4, 2)), np.ones((4, 1))
    model = Sequential([layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=["mae"])
    logger = BaseLogger(stateful_metrics=["mae"])
    history = model.fit(x, y, callbacks=[logger], verbose=0).history
    assert history == {"loss": [1.0], "mae": [1.0]}
