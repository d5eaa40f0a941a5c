"""`lamina upgrade` writes today's spellings, and leaves the rest as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from lamina import compat
from lamina.cli import main
from lamina.training.checks.program import run_script
from tests.unit.compat.test_programs import PROGRAMS, written

pytest.importorskip("libcst")

from lamina.compat.upgrade.program import upgrade_text  # noqa: E402

MODEL = "from keras.layers import {}\n"
K = "from keras import backend as K\n"
# Old code, and today's.
SAME = [
    ("from keras.layers.core import Dense\n", "from keras.layers import Dense\n"),
    (
        "from keras.engine.topology import Layer, Input\nLayer\n",
        "from keras.layers import Layer, Input\nLayer\n",
    ),
    (
        "from tensorflow.keras import layers as L\nL.Dense(1)\n",
        "from keras import layers as L\nL.Dense(1)\n",
    ),
    (
        "import tensorflow as tf\nm = tf.keras.Model(a, b)  # model\n",
        "import keras\nm = keras.Model(a, b)  # model\n",
    ),
    ("from keras.layers.core import *\n", "from keras.layers import *\n"),
    (
        "from tensorflow.keras.layers import TFSMLayer\nTFSMLayer('folder')\n",
        "from keras.layers import TFSMLayer\nTFSMLayer('folder')\n",
    ),
    ("K = keras.backend\n", "K = keras.backend\n"),
    (K + "K.backend()\n", K + "K.backend()\n"),
    (
        "import tensorflow as tf\nK = tf.keras.backend\nK.square(x)\n",
        "import keras\nK = keras.backend\nkeras.ops.square(x)\n",
    ),
    ("import tensorflow.keras as keras\nkeras\n", "import keras\nkeras\n"),
    (
        "from keras.utils import np_utils\nnp_utils.to_categorical(y, nb_classes=2)\n",
        "import keras\nkeras.utils.to_categorical(y, num_classes=2)\n",
    ),
    (
        "from keras.layers import Convolution2D\n"
        "Convolution2D(8, 3, 3,\n    border_mode='same',  # why\n    name='a')\n",
        "from keras.layers import Conv2D\n"
        "Conv2D(8, (3, 3),\n    padding='same',  # why\n    name='a')\n",
    ),
    (
        "from keras.layers import Convolution2D\n"
        "Convolution2D(nb_filter=8, nb_row=3, nb_col=n, dim_ordering='th')\n",
        "from keras.layers import Conv2D\n"
        "Conv2D(filters=8, kernel_size=(3, n), data_format='channels_first')\n",
    ),
    (
        "from keras.layers import Conv1D\nConv1D(4, 3, input_dim=3, input_length=5)\n",
        "from keras.layers import Conv1D\nConv1D(4, 3, input_shape=(5, 3))\n",
    ),
    (
        "from keras.optimizers import SGD\nSGD(lr=0.1, decay=1e-6, momentum=0.9)\n",
        "import keras\nfrom keras.optimizers import SGD\n"
        "SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 1e-6), "
        "momentum=0.9)\n",
    ),
    (
        "from keras.optimizers import Adam\nAdam(lr=rate, decay=0.0)\n",
        "from keras.optimizers import Adam\nAdam(learning_rate=rate)\n",
    ),
    (
        "from keras.layers import merge\ny = merge([a, b], mode='concat')\n",
        "import keras\ny = keras.layers.Concatenate(axis=-1)([a, b])\n",
    ),
    (
        "from keras.layers import Dense\n"
        "model.add(Dense(4, batch_input_shape=(1, 3)))\n",
        "import keras\nfrom keras.layers import Dense\n"
        "model.add(keras.Input(batch_shape=(1, 3)))\nmodel.add(Dense(4))\n",
    ),
    (
        "from keras.layers import Dense\nmodel.add(Dense(4, weights=w))\n",
        "from keras.layers import Dense\n"
        "model.add(Dense(4))\nmodel.layers[-1].set_weights(w)\n",
    ),
    (K + "K.mean(x, axis=-1)\n", "import keras\nkeras.ops.mean(x, axis=-1)\n"),
    (
        f"'Doc.'\nfrom __future__ import division\n{K}K.mean(x)\n",
        "'Doc.'\nfrom __future__ import division\nimport keras\nkeras.ops.mean(x)\n",
    ),
    (K + "K.epsilon()\n", K + "K.epsilon()\n"),
    (
        K + "K.permute_dimensions(x + 1, (0, 2, 1))\n",
        "import keras\nkeras.ops.transpose(x + 1, axes=[0, 2, 1])\n",
    ),
    (
        "from keras import backend as K\n"
        "K.conv2d(x, k, border_mode='same', dim_ordering='th')\n",
        "import keras\n"
        "keras.ops.conv(x, k, padding='same', data_format='channels_first')\n",
    ),
    (
        K + "if K.image_dim_ordering() == 'th':\n    f()\n",
        "import keras\n"
        "if keras.config.image_data_format() != 'channels_last':\n    f()\n",
    ),
    (
        K + "K.variable(1)\nK.update_add(v, 2)\n",
        "import keras\nimport numpy as np\n\n\n"
        "def _update_add(x, increment):\n"
        "    x.assign_add(increment)\n    return x\n\n\n"
        "keras.Variable(np.asarray(1, None or keras.config.floatx()), name=None)\n"
        "_update_add(v, 2)\n",
    ),
    (
        K + "K.set_value(model.optimizer.lr, 0.5)\n",
        "model.optimizer.learning_rate.assign(0.5)\n",
    ),
    (
        "model.fit(x, y, nb_epoch=3,\n          show_accuracy=True, verbose=2)\n",
        "model.fit(x, y, epochs=3,\n          verbose=2)\n",
    ),
    (
        "model.fit_generator(flow(x, batch_size=n), samples_per_epoch=len(x))\n",
        "model.fit(flow(x, batch_size=n), steps_per_epoch=-(-len(x) // n))\n",
    ),
    (
        "m.compile('sgd', metrics=['accuracy'])\nprint(h.history['val_acc'])\n",
        "m.compile('sgd', metrics=['accuracy'])\nprint(h.history['val_accuracy'])\n",
    ),
    (
        "m.compile('sgd', metrics=['AUC'])\nprint(h.history['val_auc'])\n",
        "m.compile('sgd', metrics=['AUC'])\nprint(h.history['val_AUC'])\n",
    ),
    (
        "from keras.layers import GRU\nGRU(4)\nmodel.fit_generator(x)\n"
        "model.compile('adagrad', 'mse')\n",
        "import keras\nfrom keras.layers import GRU\n\n\n"
        "@keras.saving.register_keras_serializable()\n"
        "def _hard_sigmoid(x):\n    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)\n"
        "\n\nGRU(4, recurrent_activation=_hard_sigmoid, reset_after=False)\n"
        "model.fit(x)\nmodel.compile(keras.optimizers.Adagrad(learning_rate=0.01, "
        "initial_accumulator_value=0.0), 'mse')\n",
    ),
    (
        "import keras\nmodel.fit(x, nb_epoch=2)\nmodel.compile('adadelta', 'mse')\n",
        "import keras\nmodel.fit(x, epochs=2)\n"
        "model.compile(keras.optimizers.Adadelta(epsilon=1e-08, learning_rate=1.0), "
        "'mse')\n",
    ),
    (
        "from keras.layers.core import *\nfrom keras.backend import *\n"
        "y = merge([Dense(output_dim=sum(a)), b], mode='concat', name='y')\n",
        "import keras\nfrom keras.layers import *\nfrom keras.backend import *\n"
        "y = keras.layers.Concatenate(name='y', axis=-1)"
        "([Dense(units=int(keras.ops.sum(a))), b])\n",
    ),
    (
        K + "# Session\nK.set_session(s())\nK.manual_variable_initialization(True)\n",
        "# Session\npass\n",
    ),
    (
        "from keras.callbacks import ModelCheckpoint\n"
        "ModelCheckpoint('a.hdf5',\n                period=1)\n",
        "from keras.callbacks import ModelCheckpoint\nModelCheckpoint('a.h5')\n",
    ),
    (
        "model.compile('sgd', metrics=['acc'])\nprint(h.history['acc'])\n",
        "model.compile('sgd', metrics=['acc'])\nprint(h.history['acc'])\n",
    ),
    (
        "import numpy as np\nn, m = 1, 2\nk = np.max(y) + 1\nj = np.max(y)\n"
        "keras.layers.Dense(k)\n",
        "import numpy as np\nn, m = 1, 2\nk = int(np.max(y) + 1)\nj = np.max(y)\n"
        "keras.layers.Dense(k)\n",
    ),
    (
        "from keras.layers import Dense\nimport numpy as np\nk = Dense(np.prod(s),\n"
        "          activation='relu')(x)\nDense(k)\n",
        "from keras.layers import Dense\nimport numpy as np\n"
        "k = Dense(int(np.prod(s)),\n          activation='relu')(x)\nDense(k)\n",
    ),
    ("model.save_weights('a.h5')\n", "model.save_weights('a.weights.h5')\n"),
    ("model.load_weights('vgg16.h5')\n", "model.load_weights('vgg16.h5')\n"),
    (
        "from keras.models import load_model\nmodel.save('m', save_format='tf')\n"
        "load_model('m')\nopen('m')\nmodel.save(f'{d}/m')\nimage.save('a.png')\n",
        "from keras.models import load_model\nmodel.save('m.keras')\n"
        "load_model('m.keras')\nopen('m')\nmodel.save(f'{d}/m.keras')\n"
        "image.save('a.png')\n",
    ),
    (
        "from keras.callbacks import ModelCheckpoint\npath = d + '/cp.ckpt'\n"
        "ModelCheckpoint(path, save_weights_only=True)\nmodel.load_weights(path)\n"
        "ModelCheckpoint(os.path.join(d, 'best.hdf5'))\n",
        "from keras.callbacks import ModelCheckpoint\n"
        "path = d + '/cp.ckpt.weights.h5'\n"
        "ModelCheckpoint(path, save_weights_only=True)\nmodel.load_weights(path)\n"
        "ModelCheckpoint(os.path.join(d, 'best.h5'))\n",
    ),
    (
        "from keras.models import model_from_yaml\nmodel_from_yaml(m.to_yaml())\n",
        "from keras.models import model_from_json\nmodel_from_json(m.to_json())\n",
    ),
    (
        "import tensorflow as tf\nfrom keras.preprocessing import image\n"
        "image.ImageDataGenerator()\ntf.keras.preprocessing.text.Tokenizer(nb_words=5)"
        "\nimage.load_img(p)\n",
        "from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator\n"
        "from keras._tf_keras.keras.preprocessing.text import Tokenizer\n"
        "from keras.preprocessing import image\n"
        "ImageDataGenerator()\nTokenizer(num_words=5)\nimage.load_img(p)\n",
    ),
    (
        "import tensorflow as tf\nv = tf.Variable(initial_value=0.0, trainable=False)\n"
        "isinstance(v, tf.Variable)\nf(tf.nn.relu, tf.zeros(1, 1))\n",
        "import keras\nv = keras.Variable(initializer=0.0, trainable=False)\n"
        "isinstance(v, keras.Variable)\n"
        "f(keras.activations.relu, keras.ops.zeros(1, dtype='float32'))\n",
    ),
    (
        "import tensorflow as tf\nx = tf.ones((2, 1))\n\nimport numpy\n"
        "from tensorflow import keras\nkeras.Input(x)\n",
        "import keras\nx = keras.ops.ones((2, 1))\n\nimport numpy\nkeras.Input(x)\n",
    ),
    (
        "from sklearn.grid_search import GridSearchCV\nGridSearchCV(m)\n",
        "from sklearn.model_selection import GridSearchCV\nGridSearchCV(m)\n",
    ),
    (
        "from keras.layers import Convolution2D\n"
        "Convolution2D(8, 3, 3, input_shape=(3, 32, 32))\n",
        "import keras\nfrom keras.layers import Conv2D\n\n\n"
        "keras.config.set_image_data_format('channels_first')\n\n\n"
        "Conv2D(8, (3, 3), input_shape=(3, 32, 32))\n",
    ),
    (
        K + "noise = K.random_normal((2,), mean=0., std=0.5)\n",
        "import keras\nnoise = keras.random.normal((2,), stddev=0.5)\n",
    ),
    (
        "from keras.layers import Convolution2D\ndef f():\n"
        "    g(Convolution2D(8, 3, 3,  # a\n                    # b\n"
        "                    name='a'),\n      1)\n",
        "from keras.layers import Conv2D\ndef f():\n"
        "    g(Conv2D(8, (3, 3),  # a\n             # b\n"
        "             name='a'),\n      1)\n",
    ),
    ("import numpy as np\nnp.save('a', x)\n", "import numpy as np\nnp.save('a', x)\n"),
    ("sklearn_model.fit(x, y)\n", "sklearn_model.fit(x, y)\n"),
    (
        "class A(Layer):\n    def get_output_shape_for(self, shape):\n        pass\n",
        "class A(Layer):\n    def compute_output_shape(self, shape):\n        pass\n",
    ),
    (
        "import keras\nprint(model(x).numpy())\n",
        "import keras\nprint(keras.ops.convert_to_numpy(model(x)))\n",
    ),
    (
        MODEL.format("Dense") + "Dense(3, init='orthogonal')\n",
        "import keras\n" + MODEL.format("Dense") + "Dense(3, "
        "kernel_initializer=keras.initializers.Orthogonal(gain=1.1))\n",
    ),
    (
        MODEL.format("Activation") + "x = np_utils\nActivation('hard_sigmoid')\n",
        "import keras\n" + MODEL.format("Activation") + "\n\n"
        "@keras.saving.register_keras_serializable()\ndef _hard_sigmoid(x):\n"
        "    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)\n\n\n"
        "x = np_utils\nActivation(_hard_sigmoid)\n",
    ),
    (
        MODEL.format("Dense") + "Dense(3, init='he_normal')\n",
        MODEL.format("Dense") + "Dense(3, kernel_initializer='he_normal')\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\nDense(1, activation=tf.nn.relu)\n",
        "import keras\nDense(1, activation=keras.activations.relu)\n",
    ),
    (
        "import tensorflow as tf\nfold(tf.square)\n",
        "import keras\nfold(keras.ops.square)\n",
    ),
    (
        "from sklearn.grid_search import GridSearchCV\n"
        "GridSearchCV(m, {}, scoring='log_loss')\n",
        "from sklearn.model_selection import GridSearchCV\n"
        "GridSearchCV(m, {}, scoring='neg_log_loss')\n",
    ),
    # Names in logs are those of the last `compile` above.
    (
        "m.compile('sgd', metrics=['accuracy'])\nh['acc']\n"
        "m.compile('sgd', metrics=['acc'])\nh['acc']\n",
        "m.compile('sgd', metrics=['accuracy'])\nh['accuracy']\n"
        "m.compile('sgd', metrics=['acc'])\nh['acc']\n",
    ),
    # Keys that the program assigns itself stay.
    (
        "m.compile('sgd', metrics=['accuracy'])\nown = {'acc': []}\nown['acc']\n"
        "table['acc'] = h['acc']\ntable['acc']\n",
        "m.compile('sgd', metrics=['accuracy'])\nown = {'acc': []}\nown['acc']\n"
        "table['acc'] = h['accuracy']\ntable['acc']\n",
    ),
    # Arrays of sums are not sizes of layers.
    (
        "import numpy as np\nk = np.max(y)\nn = np.sum(y, axis=1)\n"
        "keras.layers.Dense(n)\nTable(k)\n",
        "import numpy as np\nk = np.max(y)\nn = np.sum(y, axis=1)\n"
        "keras.layers.Dense(n)\nTable(k)\n",
    ),
    *(
        (f"import tensorflow as tf\n{old}\n", f"import keras\nkeras.ops.{new}\n")
        for old, new in (
            ("tf.argmax(x)", "argmax(x, axis=0)"),
            ("tf.cumsum(x)", "cumsum(x, axis=0)"),
            ("tf.cumsum(x, 1)", "cumsum(x, axis=1)"),
            ("tf.gather(x, i)", "take(x, i, axis=0)"),
            ("tf.gather(x, i, axis=1)", "take(x, i, axis=1)"),
            ("tf.math.top_k(x)", "top_k(x, k=1)"),
        )
    ),
    (
        "import tensorflow as tf\ntf.reduce_mean(tf.cast(x, tf.float32))\n",
        "import keras\nkeras.ops.mean(keras.ops.cast(x, 'float32'))\n",
    ),
]


@pytest.mark.parametrize(("old", "new"), SAME, ids=[old for old, _ in SAME])
def test_old_spelling_becomes_the_one_of_today(old, new):
    assert upgrade_text(old).text == new


@pytest.mark.parametrize("new", [new for _, new in SAME], ids=[old for old, _ in SAME])
def test_new_spelling_stays(new):
    found = upgrade_text(new)
    assert (found.text, found.changes, found.notes) == (new, 0, [])


# Code without a translation, and a part of the mark at its line.
MARKED = [
    (
        "import keras\n\nmodel.add_loss(lambda: keras.ops.sum(w))\n",
        3,
        "add_loss(function) has no",
    ),
    ("import keras\n\nkeras.layers.Nothing(1)\n", 3, "keras.layers.Nothing has no"),
    ("import tensorflow as tf\n\nf(tf.data.Dataset)\n", 3, "needs TensorFlow"),
    ("from keras.layers import Dense\nDense(3, weights=w)\n", 2, "set_weights"),
    (
        "from keras.callbacks import ModelCheckpoint\nx = 1\n"
        "ModelCheckpoint('a.h5', period=n)\n",
        3,
        "save_freq=n * batches per epoch",
    ),
    (K + "K.set_learning_phase(1)\n", 2, "K.set_learning_phase has no"),
    ("from sklearn.cross_validation import KFold\nKFold(3)\n", 1, "model_selection"),
    (K + "x = 1\nf(K.set_learning_phase)\n", 3, "K.set_learning_phase has no"),
    ("from tensorflow import *\n", 1, "tensorflow has no"),
    ("import tensorflow as tf\ntf.range(limit=5, delta=2)\n", 2, "needs TensorFlow"),
]


@pytest.mark.parametrize(
    "code",
    ["x = {}", "for i in range(3): model.add({})", "x = 1; model.add({})", "f({}, 1)"],
)
def test_arguments_that_are_removed_are_marked(code):
    layer = "LSTM(3, batch_input_shape=(1, 2, 3), weights=w)"
    found = upgrade_text("from keras.layers import LSTM\n" + code.format(layer))
    notes = " ".join(note for _, note in found.notes)
    assert "batch_shape=(1, 2, 3)" in notes and "set_weights" in notes


@pytest.mark.parametrize(("old", "line", "note"), MARKED)
def test_what_has_no_translation_is_marked_and_stays(old, line, note):
    found = upgrade_text(old)
    assert [n for n, _ in found.notes] == [line] and note in found.notes[0][1]
    marked = found.text.splitlines()
    assert marked[line - 1].startswith("# lamina upgrade: ")
    assert upgrade_text(found.text) == (found.text, 0, found.notes)
    del marked[line - 1]
    assert "\n".join(marked) + "\n" == old


# Programs of which a part has no translation, and those that only `keras` runs.
NOT_RUN = {
    *("keras1_generator", "keras3"),
}


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - NOT_RUN))
def test_upgraded_program_runs_without_old_spellings(name, tmp_path, capsys):
    path = written(tmp_path / f"{name}.py", PROGRAMS[name])
    path.write_text(upgrade_text(path.read_text(), "lamina").text)
    compat.uninstall()
    assert run_script(path) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "LSTM(4, inner_activation='tanh')(x)",
            "LSTM(4, recurrent_activation='tanh', recurrent_initializer="
            "keras.initializers.Orthogonal(gain=2.2))(x)",
        ),
        (
            "MaxoutDense(3, nb_feature=2)(x, training=True)",
            "_MaxoutDense(3, nb_feature=2)(x, training=True)",
        ),
        ("Sequential(l).fit(x, nb_epoch=2)", "Sequential(l).fit(x, epochs=2)"),
    ],
)
def test_call_of_what_a_call_returns_has_other_arguments(old, new):
    start = (
        "from keras.layers import LSTM, MaxoutDense\n"
        "from keras.models import Sequential\n"
    )
    text = upgrade_text(start + old + "\n").text
    assert text.splitlines()[-1] == new


def test_helper_is_defined_after_the_imports():
    old = "import keras\nimport numpy\n\nmodel.predict_classes(x)\n"
    lines = upgrade_text(old).text.splitlines()
    assert lines[:3] == ["import numpy as np", "import keras", "import numpy"]
    assert "def _predict_classes(model, x, batch_size=None, verbose=0):" in lines
    assert lines[-1] == "_predict_classes(model, x)"


REFUSED = {
    b"print 'x'\n": "a.py:1: not valid Python 3",
    b"x = '\xff'\n": "a.py: invalid or missing encoding declaration",
    b"# coding: none\n": "a.py: unknown encoding: none",
    b"x = " + b"1 + " * 3000 + b"1\n": "a.py: an expression has too many nested parts",
}


@pytest.mark.parametrize("content", REFUSED, ids=REFUSED.values())
def test_file_that_is_not_rewritten_leaves_all_as_they_are(content, tmp_path, capsys):
    good, bad = tmp_path / "good.py", tmp_path / "a.py"
    good.write_text(old := "from keras.layers import Dropout\nDropout(p=0.5)\n")
    bad.write_bytes(content)
    assert main(["upgrade", "--in-place", str(good), str(bad)]) == 1
    assert REFUSED[content] in capsys.readouterr().err
    assert (good.read_text(), bad.read_bytes()) == (old, content)


def test_command_shows_a_diff_and_writes_in_place(tmp_path, capsys):
    path = tmp_path / "a.py"
    old = "from keras.layers import Dropout\r\nDropout(p=0.5)  # \u00e4\r\n"
    path.write_bytes(old.encode())
    assert main(["upgrade", str(path)]) == 0
    output = capsys.readouterr()
    assert "-Dropout(p=0.5)" in output.out and "+Dropout(rate=0.5)" in output.out
    assert output.err == f"{path}: 1 change; --in-place writes them\n"
    assert path.read_bytes() == old.encode()
    main(["upgrade", "--in-place", "--to", "lamina", str(path)])
    new = old.replace("keras", "lamina").replace("p=", "rate=")
    assert path.read_bytes() == new.encode()
    assert main(["upgrade", str(tmp_path / "no.py")]) == 1


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
@pytest.mark.parametrize(
    "text",
    [
        "\tDropout(p=0.5)",
        "\tDropout(p=0.5)  # a\x0cb \u2028 c\n",
        "\tDropout(p=0.5)\r\n",
    ],
    ids=["no line break at the end", "form feed", "other line break"],
)
def test_diff_is_one_that_patch_applies(text, tmp_path, capfd):
    path = tmp_path / "a.py"
    path.write_bytes(f"from keras.layers import Dropout\nif x:\n{text}".encode())
    assert main(["upgrade", str(path)]) == 0
    diff = tmp_path / "a.diff"
    diff.write_bytes(capfd.readouterr().out.encode())
    copy = tmp_path / "b.py"
    copy.write_bytes(path.read_bytes())
    subprocess.run(["patch", "--binary", str(copy), str(diff)], check=True)
    assert main(["upgrade", "--in-place", str(path)]) == 0
    assert copy.read_bytes() == path.read_bytes()


def test_missing_libcst_is_named(tmp_path, monkeypatch, capsys):
    for name in [n for n in sys.modules if n.startswith("lamina.compat.upgrade")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "libcst", None)
    assert main(["upgrade", "a.py"]) == 1
    assert "pip install 'lamina[upgrade]'" in capsys.readouterr().err
