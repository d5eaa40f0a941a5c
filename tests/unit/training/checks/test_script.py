"""`lamina check` runs programs up to each `fit`, and prints the findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.cli import main

START = """
import sys
import numpy as np
import lamina
from lamina import layers

x, y = np.eye(4, dtype="float32"), np.arange(4) % 2
model = lamina.Sequential([layers.Input((4,)), layers.Dense(1, "{activation}")])
model.compile("adam", "{loss}", metrics=["accuracy"])
"""
WRONG = START.format(activation="softmax", loss="binary_crossentropy")
RIGHT = START.format(activation="sigmoid", loss="binary_crossentropy")
MISTAKE = "softmax-one-unit"
# The end of a program, the codes that are found and the exit status.
PROGRAMS: dict[str, tuple[str, list[str], int]] = {
    "fit": (WRONG + "model.fit(x, y)", [MISTAKE], 1),
    "right": (RIGHT + "model.fit(x, y)", [], 0),
    "twice": (WRONG + "for _ in range(3): model.fit(x, y)", [MISTAKE], 1),
    "batches": (WRONG + "while True: model.train_on_batch(x, y)", [MISTAKE], 1),
    "error": (RIGHT + "model.fit(x, y + 5)", ["label-values"], 1),
    "error and mistake": (
        WRONG + "x[0, 0] = np.nan\nmodel.fit(x, y)",
        [MISTAKE, "values-not-finite"],
        1,
    ),
    "history": (
        RIGHT
        + "history = model.fit(x, y, epochs=2, validation_data=(x + 1, y)).history\n"
        "assert len(history['val_accuracy']) == 2",
        [],
        0,
    ),
    "old names": (
        "from keras.layers import Dense\nfrom keras.models import Sequential\n"
        "import numpy as np\n"
        "x, y = np.random.normal(size=(30, 4)), np.arange(30) % 2\n"
        "model = Sequential([Dense(1, activation='sigmoid', input_dim=4)])\n"
        "model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])\n"
        "history = model.fit(x, y, nb_epoch=2).history\n"
        "assert len(history['acc']) == len(history['accuracy']) == 2",
        [],
        0,
    ),
    "images of Theano": (
        "from keras.layers import Convolution2D, Dense, Flatten\n"
        "from keras.models import Sequential\n"
        "import numpy as np\n"
        "model = Sequential()\n"
        "model.add(Convolution2D(2, 3, 3, input_shape=(1, 28, 28), "
        "activation='relu'))\n"
        "model.add(Flatten())\n"
        "model.add(Dense(1))\n"
        "model.compile('adam', 'mse')\n"
        "x = np.random.normal(size=(4, 1, 28, 28))\n"
        "model.fit(x, x[:, 0, 0, 0], nb_epoch=1)",
        ["channels-first"],
        0,
    ),
    "channels first": (
        "import lamina\nfrom lamina import layers\n"
        "lamina.Sequential([layers.Input((3, 28, 28)), layers.Conv2D(2, 5)])",
        ["channels-first"],
        1,
    ),
    "checkpoint": (
        RIGHT + "saved = lamina.callbacks.ModelCheckpoint('best.keras')\n"
        "model.fit(x, y, callbacks=[saved])\n"
        "lamina.models.load_model('best.keras')",
        [],
        0,
    ),
    "batches of one class": (
        RIGHT + "x = np.random.normal(size=(32, 4))\n"
        "for i in range(4): model.train_on_batch(x, np.full(32, i % 2))",
        [],
        0,
    ),
    "loss without a value": (
        RIGHT + "model.compile('adam', lambda t, p: None)\nmodel.fit(x, y)",
        ["argument-type-error"],
        1,
    ),
    "arguments": (RIGHT + "assert sys.argv[1:] == ['--epochs', '3']", [], 0),
    "exit": (WRONG + "model.fit(x, y)\nsys.exit(3)", [MISTAKE], 1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_findings_are_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, codes, status = PROGRAMS[name]
    path = tmp_path / "train.py"
    path.write_text(program)
    assert main(["check", "--json", str(path), "--epochs", "3"]) == status
    printed = capsys.readouterr()
    found = [json.loads(line) for line in printed.out.splitlines()]
    assert [each["code"] for each in found] == codes
    assert all(each["where"].startswith(f"{path}:") for each in found)
    assert "Traceback" not in printed.err


# Programs whose mistake is on the line with the comment.
LINES: dict[str, str] = {
    "layer": """
model = lamina.Sequential([
    layers.Input((4,)),
    layers.Dense(1, "softmax"),  # mistake
])
model.compile("adam", "binary_crossentropy")
model.fit(x, y)
""",
    "layer of a class": """
class Model(lamina.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.95)  # mistake
        self.dense = layers.Dense(1, "sigmoid")

    def call(self, x):
        return self.dense(self.drop(x))

model = Model()
model.compile("adam", "binary_crossentropy")
model.fit(x, y)
""",
    "optimizer": """
optimizer = lamina.optimizers.Adam(5.0)  # mistake
model = lamina.Sequential([layers.Dense(8, "relu"), layers.Dense(1)])
model.compile(optimizer, "mse")
model.fit(x, y)
""",
    "loss": """
model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
model.compile("adam", "mape")  # mistake
model.fit(x, y)
""",
    "embedding": """
model = lamina.Sequential([
    layers.Input((4,)),
    layers.Embedding(1, 3),  # mistake
    layers.Flatten(),
    layers.Dense(1, "sigmoid"),
])
model.compile("adam", "binary_crossentropy")
model.fit(x, y)
""",
    "units": """
model = lamina.Sequential([
    layers.Input((4,)),
    layers.Dense(2, "softmax"),  # mistake
])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, 2 * y)
""",
    "arguments of fit": """
model = lamina.Sequential([layers.Input((4,)), layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy")
model.fit(x, y, sample_weight=np.zeros(4))  # mistake
""",
}


@pytest.mark.parametrize("name", LINES)
def test_finding_names_the_line_of_the_mistake(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.py"
    path.write_text(START.partition("model")[0] + LINES[name])
    assert main(["check", "--json", str(path)]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lines = path.read_text().splitlines()
    (number,) = (i for i, line in enumerate(lines, 1) if "# mistake" in line)
    assert [each["where"] for each in found] == [f"{path}:{number}"], found


def test_text_fits_the_terminal(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.chdir(tmp_path)
    optimizer = "lamina.optimizers.Adam(5.0)"
    program = WRONG.replace('"adam"', optimizer)
    program = program.replace(
        "layers.Dense(1", "layers.Dense(3, 'relu'), layers.Dense(1"
    )
    path = tmp_path / "train.py"
    path.write_text(program + "model.fit(x, y)")
    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    # The learning rate, which is also wrong, comes after the output.
    assert lines[0] == f"warning  {MISTAKE}  (train.py:8)"
    assert any("learning-rate-high" in line for line in lines)
    assert max(map(len, lines)) <= 60


def test_text_has_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.py"
    path.write_text(WRONG + "model.fit(x, y)")
    assert main(["check", str(path)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"warning  {MISTAKE}  ({path}:8)\n")
    assert printed.endswith("1 warning in 1 call of fit.\n")


def test_errors_of_the_program_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.py"
    path.write_text("1 / 0")
    assert main(["check", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "missing.py")]) == 1
    assert "No such file" in capsys.readouterr().err
