"""Short programs of all generations of Keras."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lamina import compat
from lamina.cli import main
from lamina.compat.program import run_program
from lamina.errors import MissingFileError

PROGRAMS = {
    "keras1_sequential": """
        import numpy as np
        from keras.layers.core import Activation, Dense, Dropout
        from keras.models import Sequential
        from keras.optimizers import SGD
        from keras.utils import np_utils

        x = np.random.RandomState(0).rand(8, 4)
        y = np_utils.to_categorical(np.arange(8) % 2, nb_classes=2)
        model = Sequential()
        model.add(Dense(output_dim=3, input_dim=4, init="uniform"))
        model.add(Activation("relu"))
        model.add(Dropout(p=0.5))
        model.add(Dense(2, activation="softmax"))
        model.compile(
            loss="categorical_crossentropy",
            optimizer=SGD(lr=0.1, decay=1e-6, nesterov=True, momentum=0.9),
            metrics=["accuracy"],
        )
        history = model.fit(x, y, nb_epoch=2, verbose=0, validation_data=(x, y))
        assert len(history.history["acc"]) == len(history.history["val_acc"]) == 2
        assert model.predict_classes(x, verbose=0).shape == (8,)
        assert model.predict_proba(x).shape == (8, 2)
        """,
    "keras1_merged_branches": """
        import numpy as np
        from keras.layers import Dense, Merge
        from keras.models import Sequential

        branches = [Sequential([Dense(2, input_dim=3)]) for _ in range(2)]
        model = Sequential()
        model.add(Merge(branches, mode="concat"))
        model.add(Dense(1))
        model.compile("rmsprop", "mse")
        x = np.ones((4, 3))
        model.fit([x, x], np.ones(4), nb_epoch=1, verbose=0)
        assert model.predict([x, x], verbose=0).shape == (4, 1)
        """,
    "keras2_losses_of_tensors": """
        import numpy as np
        from keras import backend as K
        from keras.layers import Dense, Input, Layer
        from keras.losses import mse
        from keras.models import Model

        x = Input((3,))
        h = Dense(2)(x)

        def loss_of(tensor):
            def loss(y_true, y_pred):
                return K.square(y_pred - y_true) + K.mean(K.square(tensor))
            return loss

        class Penalty(Layer):
            def call(self, inputs):
                self.add_loss(K.mean(K.square(h)), inputs=inputs)
                return inputs

        model = Model(x, Penalty()(Dense(1)(h)))
        model.add_loss(K.mean(mse(K.zeros_like(h), h)))
        model.add_metric(K.mean(K.square(h)), name="size")
        model.compile("sgd", loss_of(h))
        rows = np.ones((4, 3), "float32")
        h2 = np.mean(np.square(rows @ model.get_weights()[0]))
        y = model.predict(rows)
        values = model.evaluate(rows, y, verbose=0)
        assert np.allclose(sorted(values), [h2, 3 * h2], rtol=1e-4), (values, h2)
        losses = model.fit(rows, y, nb_epoch=2, verbose=0).history["loss"]
        assert losses[1] < losses[0]
        """,
    "keras1_generator": """
        import numpy as np
        from keras.layers import Dense
        from keras.models import Sequential

        def batches(drawn):
            while True:
                drawn.append(1)
                yield np.ones((4, 2)), np.ones(4)

        model = Sequential([Dense(1, input_dim=2)])
        model.compile("sgd", "mse")
        drawn = []
        history = model.fit_generator(
            batches(drawn), samples_per_epoch=12, nb_epoch=2, verbose=0,
            validation_data=batches([]), nb_val_samples=8, nb_worker=1,
        )
        assert history.epoch == [0, 1] and "val_loss" in history.history
        assert len(drawn) >= 6
        assert model.evaluate_generator(batches([]), val_samples=8) >= 0
        assert model.predict_generator(batches([]), steps=2).shape == (8, 1)
        """,
    "keras1_initial_weights": """
        import numpy as np
        from keras.layers import Dense, MaxoutDense, Highway
        from keras.models import Sequential

        kernel, bias = np.full((2, 3), 2.0), np.ones(3)
        model = Sequential()
        model.add(Dense(3, input_dim=2, weights=[kernel, bias]))
        assert (model.predict(np.ones((1, 2)), verbose=0) == 5).all()
        model.add(Highway(activation="relu"))
        model.add(MaxoutDense(2, nb_feature=3))
        assert model.predict(np.ones((1, 2)), verbose=0).shape == (1, 2)
        """,
    "keras2_functional": """
        import numpy as np
        from keras import backend as K
        from keras.engine.topology import Layer
        from keras.layers import Dense, Input
        from keras.models import Model

        class Scale(Layer):
            def __init__(self, output_dim, **kwargs):
                self.output_dim = output_dim
                super(Scale, self).__init__(**kwargs)

            def build(self, input_shape):
                self.w = self.add_weight(
                    name="w", shape=(input_shape[1], self.output_dim),
                    initializer="uniform", trainable=True,
                )
                super(Scale, self).build(input_shape)

            def call(self, x):
                return K.dot(x, self.w)

            def compute_output_shape(self, input_shape):
                return (input_shape[0], self.output_dim)

        inputs = Input(shape=(3,))
        model = Model(inputs=inputs, outputs=Dense(1)(Scale(2)(inputs)))
        model.compile("adam", lambda t, p: K.mean(K.square(t - p), axis=-1))
        x = np.ones((4, 3))
        model.fit(x, np.ones(4), epochs=1, verbose=0, workers=2)
        K.set_value(model.optimizer.lr, 0.5)
        assert K.get_value(model.optimizer.lr) == 0.5
        K.clear_session()
        """,
    "tf_keras": """
        import numpy as np
        from tensorflow import keras
        from tensorflow.keras import layers

        model = keras.Sequential([
            layers.experimental.preprocessing.Rescaling(0.5, input_shape=(3,)),
            layers.Dense(1),
        ])
        model.compile(keras.optimizers.Adam(lr=1e-3), "mse", metrics=["mae"])
        model.fit(np.ones((4, 3)), np.ones(4), epochs=1, verbose=0)
        result = model(np.ones((1, 3))).numpy()
        assert isinstance(result, np.ndarray)
        """,
    "keras3": """
        import keras
        import numpy as np
        from keras import layers, ops

        inputs = keras.Input((3,))
        outputs = layers.Dense(1)(ops.relu(inputs))
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
        assert keras.__version__ >= "3"
        """,
}


def written(path: Path, text: str) -> Path:
    lines = text.strip("\n").splitlines()
    path.write_text("\n".join(line.removeprefix(" " * 8) for line in lines))
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_runs(name, tmp_path, capsys):
    path = written(tmp_path / f"{name}.py", PROGRAMS[name])
    assert run_program(path) == 0, capsys.readouterr().err
    told = capsys.readouterr().err
    assert ("is now" in told) == (name != "keras3")


# Program that fails, its exit status, and the lines of it in the traceback.
FAILURES = [
    ("import sys\nx = 1\nprint(sys.argv[1])\n1 / 0", 1, [4]),
    ("from keras import layers\n\nlayers.Dense(output_dim='a')", 1, [3]),
    ("import keras\nkeras.Sequential().fit([1], nb_epoch=1)", 1, [2]),
    ("import keras\nraise KeyboardInterrupt", 130, [2]),
    ("import keras\n\nfrom keras.layers import No", 1, [3]),
    ("x = (", 1, [1]),
]


@pytest.mark.parametrize(("text", "status", "lines"), FAILURES)
def test_traceback_has_the_frames_of_the_program_only(
    text, status, lines, tmp_path, capsys
):
    path = written(tmp_path / "a.py", text)
    assert run_program(path, ["given"]) == status
    frames = re.findall(r'File "(.*)", line (\d+)', capsys.readouterr().err)
    assert frames == [(str(path), str(line)) for line in lines]


# Program that fails, and the end of the line that says why.
REASONS = [
    ("from keras.layers import No", "lamina: lamina does not have keras.layers.No ("),
    ("import keras\nkeras.nothing.f()", "lamina: lamina does not have keras.nothing ("),
    (
        "import tensorflow as tf\ntf.No(1)",
        "TensorFlow: lamina does not have tensorflow",
    ),
    ("import no_such_module", "the program: it needs a package that is not installed"),
    ("open('no.csv')", "the program: it reads a file or folder that does not exist."),
    ("import keras\nkeras.models.load_model('no.keras')", "the program: it reads a"),
    ("print 'x'", "the program: it is a program in Python 2."),
    ("x = (", "the program: it is not valid Python."),
    ("import numpy as np\nnp.float", "has no numpy.float."),
    ("1 / 0", "the program: ZeroDivisionError comes from its own code."),
    (
        "import keras\nkeras.layers.Dense(3, foo=1)",
        "lamina knows no older Keras that did",
    ),
    ("import keras\nkeras.layers.Dense(-3)", "lamina refuses its arguments or data"),
    ("import keras\nkeras.layers.Dense(3).nothing", "Dense has no attribute 'nothing'"),
    (
        "import keras\nclass Net(keras.Model): pass\nNet().nothing()",
        "Net has no attribute 'nothing'",
    ),
    (
        "import keras, numpy as np\nkeras.ops.sum(np.ones(3), 1)",
        "the program: lamina refuses its arguments or data, as Keras 3 does.",
    ),
]


@pytest.mark.parametrize(("text", "end"), REASONS, ids=[text for text, _ in REASONS])
def test_last_line_says_why_a_program_failed(text, end, tmp_path, capsys):
    path = written(tmp_path / "a.py", text)
    assert run_program(path, quiet=True) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("The reason is ") and end in line


def test_program_imports_the_files_beside_it_also_through_a_link(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "beside_the_program.py").write_text("VALUE = 3")
    text = "import sys\nfrom beside_the_program import VALUE\nsys.exit(VALUE)"
    link = tmp_path / "a.py"
    link.symlink_to(written(folder / "a.py", text))
    with pytest.raises(SystemExit) as ended:
        run_program(link)
    assert ended.value.code == 3


def test_quiet_tells_nothing(tmp_path, capsys):
    text = "from keras.layers import Dropout\nDropout(p=0.5)"
    path = written(tmp_path / "a.py", text)
    assert run_program(path, quiet=True) == 0
    assert capsys.readouterr().err == ""
    assert run_program(path) == 0
    assert capsys.readouterr().err.splitlines() == [
        "a.py:2: Dropout(p=) is now Dropout(rate=)",
        f"1 old spelling; `lamina upgrade {path}` rewrites it",
    ]


def test_command_runs_and_checks_old_programs(tmp_path, capsys):
    path = written(tmp_path / "a.py", PROGRAMS["keras1_generator"])
    compat.uninstall()
    assert main(["run", "--quiet", str(path)]) == 0
    assert "is now" not in capsys.readouterr().err
    main(["check", str(path)])
    output = capsys.readouterr()
    assert "in 1 call of fit." in output.out
    assert "is now" not in output.err


def test_missing_program_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="No such file"):
        run_program(tmp_path / "no.py")
