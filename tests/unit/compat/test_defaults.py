"""Defaults and names of logs of the release that a program was written for."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import config, layers, optimizers
from lamina.compat.defaults import (
    DEFAULTS,
    Release,
    data_format_of,
    defaults_of,
    release_of,
    use,
)
from lamina.compat.program import run_program

# Release, class and an old default, as the documentation of that release has it.
OLD = [
    (Release.KERAS_1, optimizers.Adam, "epsilon", 1e-8),
    (Release.KERAS_2_2, optimizers.Adam, "epsilon", 1e-7),
    (Release.KERAS_2_3, optimizers.Adadelta, "learning_rate", 1.0),
    (Release.TF_KERAS_2, optimizers.Adadelta, "learning_rate", 0.001),
    (Release.KERAS_2_2, optimizers.Adagrad, "learning_rate", 0.01),
    (Release.KERAS_2_2, optimizers.Nadam, "learning_rate", 0.002),
    (Release.KERAS_2_3, optimizers.Adamax, "learning_rate", 0.002),
    (Release.KERAS_3, optimizers.Adamax, "learning_rate", 0.001),
]


@pytest.mark.parametrize(("release", "cls", "argument", "value"), OLD)
def test_default_of_an_optimizer(release, cls, argument, value):
    with use(release):
        assert cls().get_config()[argument] == pytest.approx(value)
        assert cls(**{argument: 0.5}).get_config()[argument] == 0.5


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_windows_of_average_pooling_have_two_steps(axes):
    pooling = getattr(layers, f"AveragePooling{axes}D")
    assert pooling().pool_size == (2,) * axes
    assert pooling(3).pool_size == (3,) * axes


def test_default_is_not_added_to_a_positional_argument():
    with use(Release.KERAS_2_2):
        assert float(optimizers.Adadelta(0.5).learning_rate) == 0.5
        assert layers.LSTM(3, "tanh", "tanh").recurrent_activation.__name__ == "tanh"


def test_names_of_optimizers_and_decay_have_old_defaults():
    with use(Release.KERAS_2_2):
        assert float(optimizers.get("adadelta").learning_rate) == 1.0
        decayed = optimizers.Nadam(decay=1.0).get_config()["learning_rate"]
        assert decayed["config"]["initial_learning_rate"] == pytest.approx(0.002)


@pytest.mark.parametrize(
    "options",
    [{}, {"recurrent_initializer": "orthogonal"}, {"inner_init": "he_normal"}],
)
def test_layers_of_keras_1_draw_their_own_weights_by_the_seed(options):
    def kernels():
        lamina.utils.set_random_seed(3)
        pair = [layers.LSTM(3, **options) for _ in range(2)]
        for layer in pair:
            layer.build((1, 2, 3))
        return [np.asarray(layer.cell.recurrent_kernel) for layer in pair]

    with use(Release.KERAS_1):
        first, second = kernels()
        assert not np.allclose(first, second)
        assert np.array_equal(kernels(), [first, second])


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_gates_of_keras_1_have_matrices_as_large_as_their_own(name):
    with use(Release.KERAS_1):
        layer = getattr(layers, name)(100)
        own = layers.Dense(100, init="orthogonal").kernel_initializer((100, 100))
    layer.build((None, 2, 3))
    kernel = np.asarray(layer.cell.recurrent_kernel)
    assert kernel.std() == pytest.approx(np.asarray(own).std(), rel=0.01)


def test_orthogonal_weights_of_keras_1_are_larger():
    with use(Release.KERAS_1):
        kernel = layers.Dense(3, init="orthogonal").kernel_initializer((3, 3))
    assert np.allclose(kernel @ kernel.T, 1.21 * np.eye(3), atol=1e-5)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_gates_are_hard_sigmoids_of_their_time(name):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    with use(Release.KERAS_2_2):
        old = getattr(layers, name)(4)
        old(x)
        activation = layers.Activation("hard_sigmoid")
    assert np.allclose(activation(x), np.clip(0.2 * x + 0.5, 0, 1))
    new = getattr(layers, name)(
        4, recurrent_activation=old.recurrent_activation, **_reset(name)
    )
    new(x)
    new.set_weights(old.get_weights())
    assert np.allclose(old(x), new(x), atol=1e-6)
    assert old.recurrent_activation(10.0) == 1


def _reset(name):
    return {"reset_after": False} if name == "GRU" else {}


def test_rows_name_arguments_that_exist():
    for row in DEFAULTS:
        cls = getattr(optimizers, row.owner, None) or getattr(layers, row.owner)
        with use(Release.KERAS_3):
            new = (
                cls(3)
                if issubclass(cls, layers.Layer) and "2D" not in row.owner
                else None
            )
        assert new is None or hasattr(new, row.argument)


RELEASES = [
    ("from keras.layers import Dense\nmodel.fit(x, y, nb_epoch=2)", Release.KERAS_1),
    ("from keras.layers import Dense\nDense(3, init='uniform')", Release.KERAS_1),
    ("from keras.utils import np_utils", Release.KERAS_2_2),
    ("from keras.optimizers import SGD\nSGD(lr=0.1)", Release.KERAS_2_2),
    ("import keras.layers.core\nAdam(learning_rate=0.1)", Release.KERAS_2_3),
    ("from tensorflow.keras.optimizers import SGD\nSGD(lr=1)", Release.TF_KERAS_2),
    ("from tensorflow import keras", Release.KERAS_3),
    ("from __future__ import print_function\nimport keras", Release.KERAS_2_2),
    ("from __future__ import annotations\nimport keras", Release.KERAS_3),
    ("import keras\nmodel.reset_states()", Release.KERAS_2_2),
    (
        "from __future__ import division\nhistory.history['accuracy']",
        Release.KERAS_2_3,
    ),
    (
        "from keras.utils import np_utils\ncompile('sgd', 'mse', metrics=['accuracy'])",
        Release.KERAS_2_2,
    ),
    ("import keras\nfrom keras import ops\nnp_utils", Release.KERAS_3),
    ("import keras\nnb_epoch = 3\nmodel.fit(x, y, epochs=nb_epoch)", Release.KERAS_3),
]


@pytest.mark.parametrize(("text", "release"), RELEASES)
def test_release_is_known_from_spellings(text, release):
    assert release_of(text) == release


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Conv2D(3, input_shape=(1, 28, 28))", "channels_first"),
        (
            "# 'th' image_dim_ordering\nConv2D(3, input_shape=(1, 28, 28))",
            "channels_first",
        ),
        ("Convolution2D(3, input_shape=(3, img_width, img_height))", "channels_first"),
        ("Convolution2D(3)\ninput_shape = (1, img_rows, img_cols)", "channels_first"),
        ("Conv2D(3, input_shape=(28, 28, 1))", "channels_last"),
        ("K.set_image_dim_ordering('tf')\nConv2D(input_shape=(1, 28, 28))",)
        + ("channels_last",),
        (
            "if K.image_dim_ordering() == 'th':\n    input_shape = (1, rows, columns)\n"
            "Convolution2D(3, 3, 3, input_shape=input_shape)",
            "channels_last",
        ),
        ("LSTM(3, input_shape=(1, 28, 28))", "channels_last"),
    ],
)
def test_data_format_is_known_from_shapes(text, expected):
    assert data_format_of(text) == expected


def test_program_runs_with_its_defaults(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "import keras, numpy as np\n"
        "from keras.models import Sequential\n"
        "from keras.layers import Convolution2D, Dense\n"
        "images = Sequential([Convolution2D(4, 3, 3, input_shape=(3, 32, 32))])\n"
        "assert images.output_shape == (None, 4, 30, 30)\n"
        "model = Sequential([Dense(1, init='one', input_dim=2)])\n"
        "model.compile('sgd', 'mse', metrics=['accuracy', 'mae'])\n"
        "x, y = np.ones((4, 2)), np.ones(4)\n"
        "logs = model.fit(x, y, verbose=0, validation_data=(x, y)).history\n"
        "assert {'acc', 'val_acc', 'mean_absolute_error'} <= set(logs), logs\n"
        "assert logs['accuracy'] == logs['acc'] and len(logs['acc']) == 10\n"
    )
    assert run_program(path, quiet=True) == 0
    assert config.image_data_format() == "channels_last"
    with defaults_of(path, Release.KERAS_3):
        assert float(optimizers.Nadam().learning_rate) == pytest.approx(0.001)


def test_learning_rates_with_a_decay_are_read_and_set():
    from keras import backend as K

    optimizer = optimizers.SGD(lr=0.5, decay=1.0)
    optimizer.iterations.assign(1)
    assert (float(optimizer.lr), optimizer.decay) == (0.5, 1.0)
    assert float(optimizer.learning_rate) == 0.25
    K.set_value(optimizer.lr, 0.1)
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    optimizer.learning_rate = 0.2
    assert float(K.get_value(optimizer.lr)) == pytest.approx(0.2)
    assert optimizers.SGD(0.5).decay == 0.0


@pytest.mark.parametrize(
    ("release", "argument"),
    [(Release.KERAS_2_3, "global_clipnorm"), (Release.TF_KERAS_2, "clipnorm")],
)
def test_limit_of_gradients_was_of_all_together(release, argument):
    with use(release):
        config = optimizers.SGD(clipnorm=0.5).get_config()
    assert config[argument] == 0.5
    assert [config["clipnorm"], config["global_clipnorm"]].count(None) == 1


@pytest.mark.parametrize(
    "name",
    ["binary_crossentropy", "categorical_crossentropy"],
)
@pytest.mark.parametrize("release", [Release.KERAS_1, Release.KERAS_2_2])
def test_outputs_came_before_targets_in_keras_1(name, release):
    target, output = np.array([[1.0, 0.0]]), np.array([[0.8, 0.2]])
    is_first = release == Release.KERAS_1
    with use(release):
        from keras import backend

        function = getattr(backend, name)
        found = function(*((output, target) if is_first else (target, output)))
    expected = getattr(lamina.ops, name)(target, output)
    np.testing.assert_allclose(found, expected)
