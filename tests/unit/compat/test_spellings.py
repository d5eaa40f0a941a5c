"""An old spelling makes the same object as today's."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import pytest

from lamina import compat, layers, models, optimizers
from lamina.compat.arguments import FUNCTIONS, TRANSLATIONS
from lamina.compat.defaults import Release, use
from lamina.compat.finder import CompatModule
from lamina.compat.names import NAMES
from lamina.compat.patches.methods import FORMER_METHODS
from lamina.compat.paths import PATHS
from lamina.core.module import accepted_names
from lamina.core.registry import snake_case
from lamina.saving.legacy import names
from tools.api_snapshot import SNAPSHOT
from tools.size import ROOT

# Old expression, and today's, with `keras` as K2.
SAME = [
    ("layers.Dense(output_dim=3)", "layers.Dense(units=3)"),
    ("layers.Dense(3, init='normal')", "layers.Dense(3, kernel_initializer='normal')"),
    (
        "layers.Dense(3, init='uniform')",
        "layers.Dense(3, kernel_initializer='uniform')",
    ),
    ("layers.Dense(3, bias=False)", "layers.Dense(3, use_bias=False)"),
    ("layers.Dense(3, dynamic=True)", "layers.Dense(3)"),
    (
        "layers.Dense(3, W_regularizer=regularizers.l2(0.1))",
        "layers.Dense(3, kernel_regularizer=regularizers.L2(0.1))",
    ),
    (
        "layers.Dense(3, W_constraint=constraints.maxnorm(2))",
        "layers.Dense(3, kernel_constraint=constraints.MaxNorm(2))",
    ),
    ("layers.core.Dropout(p=0.5)", "layers.Dropout(0.5)"),
    ("layers.SpatialDropout1D(p=0.5)", "layers.SpatialDropout1D(0.5)"),
    ("layers.noise.GaussianNoise(sigma=0.1)", "layers.GaussianNoise(stddev=0.1)"),
    (
        "layers.Convolution2D(4, 3, 5, border_mode='same', subsample=(2, 2))",
        "layers.Conv2D(4, (3, 5), padding='same', strides=(2, 2))",
    ),
    ("layers.Convolution2D(4, (3, 5))", "layers.Conv2D(4, (3, 5))"),
    (
        "layers.Convolution2D(nb_filter=4, nb_row=3, nb_col=5, dim_ordering='th')",
        "layers.Conv2D(4, (3, 5), data_format='channels_first')",
    ),
    (
        "layers.Conv2D(4, 3, 5, border_mode='same')",
        "layers.Conv2D(4, (3, 5), padding='same')",
    ),
    ("layers.Conv2D(4, 3, 2)", "layers.Conv2D(4, 3, strides=2)"),
    (
        "layers.Convolution1D(nb_filter=4, filter_length=3, subsample_length=2)",
        "layers.Conv1D(4, 3, strides=2)",
    ),
    ("layers.Convolution3D(4, 2, 3, 2)", "layers.Conv3D(4, (2, 3, 2))"),
    (
        "layers.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2))",
        "layers.Conv2D(4, (3, 3), dilation_rate=(2, 2))",
    ),
    (
        "layers.Deconvolution2D(4, 3, 3, output_shape=(None, 9, 9, 4))",
        "layers.Conv2DTranspose(4, (3, 3))",
    ),
    (
        "layers.Deconvolution2D(4, 3, 3, (None, 9, 9, 4), border_mode='same')",
        "layers.Conv2DTranspose(4, (3, 3), padding='same')",
    ),
    (
        "layers.Deconvolution2D(4, 3, 3, (None, 7, 8, 4), 'one', 'relu', None, "
        "'same', 2)",
        "layers.Conv2DTranspose(4, 3, 2, 'same', (0, 1), activation='relu', "
        "kernel_initializer='ones')",
    ),
    (
        "layers.Deconvolution2D(4, 1, 1, output_shape=(None, 7, None, 4), strides=3)",
        "layers.Conv2DTranspose(4, 1, 3, output_padding=(0, 2))",
    ),
    (
        "layers.Deconvolution2D(4, 2, 3, (100, 29, 29, 4), subsample=(2, 2))",
        "layers.Conv2DTranspose(4, (2, 3), strides=(2, 2), output_padding=(1, 0))",
    ),
    (
        "layers.Deconvolution2D(4, 3, 3, (None, 9, 10, 4), border_mode='same', "
        "subsample=(2, 2))",
        "layers.Conv2DTranspose(4, (3, 3), strides=(2, 2), padding='same', "
        "output_padding=(0, 1))",
    ),
    ("layers.MaxPooling1D(pool_length=3, stride=2)", "layers.MaxPooling1D(3, 2)"),
    ("layers.UpSampling1D(length=3)", "layers.UpSampling1D(size=3)"),
    ("layers.TimeDistributedDense(3)", "layers.Dense(3)"),
    (
        "layers.Embedding(9, 4, init='glorot_normal', dropout=0.1)",
        "layers.Embedding(9, 4, embeddings_initializer='glorot_normal')",
    ),
    (
        "layers.LSTM(output_dim=4, inner_activation='sigmoid', dropout_W=0.1, "
        "dropout_U=0.2, consume_less='gpu', forget_bias_init='one')",
        "layers.LSTM(4, dropout=0.1, recurrent_dropout=0.2)",
    ),
    ("layers.CuDNNGRU(4)", "layers.GRU(4)"),
    (
        "layers.LSTM(4, input_dim=3, input_length=5)",
        "layers.LSTM(4, input_shape=(5, 3))",
    ),
    (
        "layers.LSTM(4, input_shape=(5, 3), batch_size=2, stateful=True)",
        "layers.LSTM(4, batch_input_shape=(2, 5, 3), stateful=True)",
    ),
    ("layers.LeakyReLU(alpha=0.2)", "layers.LeakyReLU(negative_slope=0.2)"),
    ("layers.InputLayer(4)", "layers.InputLayer((4,))"),
    ("layers.Reshape(dims=(2, 2))", "layers.Reshape((2, 2))"),
    ("optimizers.SGD(lr=0.5, momentum=0.9)", "optimizers.SGD(0.5, momentum=0.9)"),
    (
        "optimizers.Adam(lr=0.5, decay=0.1)",
        "optimizers.Adam(optimizers.schedules.InverseTimeDecay(0.5, 1, 0.1))",
    ),
    ("optimizers.SGD(lr=0.5, decay=0.0)", "optimizers.SGD(0.5)"),
    ("optimizers.Nadam(schedule_decay=0.004)", "optimizers.Nadam()"),
    ("regularizers.l1l2(0.1, 0.2)", "regularizers.L1L2(0.1, 0.2)"),
    ("losses.mse", "losses.mean_squared_error"),
    ("objectives.mse", "losses.mean_squared_error"),
]


def evaluated(expression: str) -> Any:
    import keras

    return eval(f"keras.{expression}", {"keras": keras, **vars_of(keras)})


def vars_of(keras: Any) -> dict[str, Any]:
    names = "layers", "optimizers", "regularizers", "constraints", "losses"
    return {name: getattr(keras, name) for name in names}


@pytest.mark.parametrize(("old", "new"), SAME, ids=[old for old, _ in SAME])
def test_old_spelling_makes_the_same_object(old, new):
    found, wanted = evaluated(old), evaluated(new)
    assert type(found) is type(wanted)
    if hasattr(found, "get_config"):
        configs = [dict(x.get_config()) for x in (found, wanted)]
        for config in configs:
            config.pop("name", None)
        assert configs[0] == configs[1]
    else:
        assert found is wanted


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "root", ["keras", "tensorflow.keras", "tensorflow.python.keras"]
)
def test_old_path_is_a_module(root, path):
    module = importlib.import_module(f"{root}.{path}")
    assert isinstance(module, CompatModule)
    assert all(getattr(module, name) is not None for name in module.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_old_name_is_found(name):
    path, _, attribute = name.rpartition(".")
    module = importlib.import_module(f"keras.{path}")
    assert getattr(module, attribute) is not None
    assert attribute in dir(module)


def test_new_names_of_arguments_exist():
    methods = {"fit", "evaluate", "predict", "compile"}
    for owner, table in FUNCTIONS.items():
        name = owner.removeprefix("Trainer.")
        if name in methods:
            taken = getattr(models.Model, name).__wrapped__
            known = accepted_names(type("", (), {"__init__": taken}))
            assert {new for new in table.values() if new} <= set(known)


def test_classes_are_those_of_lamina():
    import keras
    from tensorflow.keras.layers import Conv2D

    assert keras.layers.Dense is layers.Dense
    assert Conv2D is layers.Conv2D

    class Mine(keras.layers.Dropout):
        pass

    assert isinstance(Mine(p=0.25), layers.Dropout)
    assert Mine(p=0.25).rate == 0.25


def test_applications_are_those_of_the_library_in_programs_of_keras_1():
    from keras.applications.vgg16 import VGG16

    options = {"weights": None, "include_top": False, "input_shape": (32, 32, 3)}
    expected = VGG16(**options)
    with use(Release.KERAS_1):
        found = VGG16(**options)
        assert layers.Conv2D(4, 3, 5).kernel_size == (3, 5)
    assert [w.shape for w in found.weights] == [w.shape for w in expected.weights]


def test_own_arguments_with_an_old_name_stay():
    class Mine(layers.Layer):
        def __init__(self, output_dim, lr, **kwargs):
            super().__init__(**kwargs)
            self.output_dim, self.lr = output_dim, lr

    layer = Mine(output_dim=3, lr=0.1)
    assert (layer.output_dim, layer.lr) == (3, 0.1)
    assert layer.get_config()["output_dim"] == 3


def test_function_of_a_shape_is_an_initializer():
    from keras import initializations

    def init(shape, name=None):
        return initializations.identity(shape, scale=2.0, name=name)

    for function in (init, lambda shape, name: init(shape, name=name)):
        layer = layers.Dense(2, init=function)
        layer.build((None, 2))
        assert (layer.get_weights()[0] == 2 * np.eye(2)).all()


@pytest.mark.parametrize(
    "name", ["normal", "uniform", "orthogonal", "he_normal", "one"]
)
def test_initialization_returns_an_array(name):
    from keras import initializations

    found = getattr(initializations, name)((4, 4), name="w")
    assert found.shape == (4, 4) and np.abs(found).max() > 0


def test_rows_are_sliced_from_each_array():
    from keras.engine.training import slice_X

    x = np.arange(5)
    assert slice_X(x, 1, 3).tolist() == [1, 2]
    assert [a.tolist() for a in slice_X([x, -x], [0, 2])] == [[0, 2], [0, -2]]


def test_old_arguments_are_told_once_for_each_line(capsys):
    for _ in range(2):
        layers.Dropout(p=0.5)
    layers.Dropout(p=0.5)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("Dropout(p=) is now Dropout(rate=)" in line for line in lines)


def test_unknown_arguments_names_and_modules_are_refused():
    import keras

    with pytest.raises(TypeError, match="has no argument 'foo'"):
        layers.Dropout(0.5, foo=1)
    with pytest.raises(AttributeError, match=r"lamina does not have keras\.layers\.No"):
        _ = keras.layers.No
    for statement in ("import keras.no", "from keras import no"):
        with pytest.raises(ModuleNotFoundError, match=r"does not have keras\.no\."):
            exec(statement)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("tensorflow.contrib.layers", "a layer or optimizer of Keras"),
        ("tensorflow.examples.tutorials.mnist", "keras.datasets.mnist"),
        ("tensorflow.nn.dynamic_rnn", "keras.layers.RNN"),
        ("tensorflow.compat.v1.train.Saver", "model.save_weights"),
        ("tensorflow.GraphDef", "without graphs"),
        ("keras.models.Graph", r"keras.Model\("),
        ("tensorflow.train.batch", "tf.data.Dataset"),
    ],
)
def test_error_for_a_missing_name_says_what_to_use(name, advice):
    with pytest.raises(ModuleNotFoundError, match=advice):
        importlib.import_module(name)


def test_uninstall_restores_all():
    compat.uninstall()
    with pytest.raises(TypeError, match="has no argument 'p'"):
        layers.Dropout(p=0.5)
    with pytest.raises(TypeError):
        optimizers.SGD(lr=0.5)
    assert not hasattr(models.Model, "fit_generator")
    assert not hasattr(layers.Dense(2)(np.ones((1, 2))), "numpy")


# Spellings of Keras 1 and 2 with a meaning of lamina's own that is not public.
PRIVATE = {"input_layer", "print_summary"}


def old_spellings() -> set[str]:
    """Return the old names of the tables that are neither words nor public names."""
    tables = (
        *(names.ARGUMENTS, *names.CLASS_ARGUMENTS.values(), names.LOSSES),
        *(names.CLASSES, FORMER_METHODS, *FUNCTIONS.values()),
        *(row.old for row in TRANSLATIONS),
    )
    last = {path.rpartition(".")[2] for path in (*NAMES, *PATHS)}
    public = {*re.findall(r"\w+", SNAPSHOT.read_text()), *dir(models.Model)}
    found = last.union(*tables) - public - set(map(snake_case, public))
    return {n for n in found if re.search("[a-z0-9][A-Z]|._", n)} - PRIVATE


def test_old_spellings_are_in_compat_and_legacy_files_only():
    old = old_spellings()
    assert {"nb_epoch", "border_mode", "Deconvolution2D", "np_utils"} < old
    source = ROOT / "src" / "lamina"
    homes = source / "compat", source / "saving" / "legacy"
    found = {
        path.name: words
        for path in source.rglob("*.py")
        if not any(path.is_relative_to(home) for home in homes)
        and (words := old & set(re.findall(r"\w+", path.read_text("utf-8"))))
    }
    assert found == {}


def test_old_names_of_losses_are_losses_and_metrics():
    model = models.Sequential([layers.Dense(2, input_dim=3)])
    x, y = np.ones((4, 3)), np.ones((4, 2))
    model.compile("sgd", {"dense": "kullback_leibler_divergence"})
    model.compile("sgd", "cosine_proximity", metrics=["cosine_proximity", "logcosh"])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], logs["cosine_proximity"], rtol=1e-6)
    assert list(logs) == ["cosine_proximity", "logcosh", "loss"]
