"""`install`, `uninstall` and `installed` in any order."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from types import FunctionType, ModuleType

import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

import lamina
from lamina import compat, layers
from lamina.datasets import cifar, fetch


@pytest.fixture(autouse=True)
def old_keras(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Replace the open block of other tests by another `keras`, already imported."""
    other = ModuleType("keras")
    monkeypatch.setitem(sys.modules, "keras", other)
    return other


def is_old() -> bool:
    import keras

    return getattr(keras, "layers", None) is not None


def test_blocks_nest(old_keras):
    with compat.installed():
        with compat.installed(quiet=True):
            assert is_old()
        assert is_old() and layers.Dropout(p=0.5).rate == 0.5
    assert sys.modules["keras"] is old_keras and not is_old()


def test_blocks_within_install_do_not_end_it(old_keras):
    compat.install()
    compat.install()
    with compat.installed():
        pass
    assert is_old()
    compat.uninstall()
    compat.uninstall()
    assert sys.modules["keras"] is old_keras


def test_blocks_of_two_threads_overlap(old_keras):
    first_is_open, second_is_open = threading.Event(), threading.Event()

    def first() -> None:
        with compat.installed(quiet=True):
            first_is_open.set()
            assert second_is_open.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_open.wait(10)
    with compat.installed():
        second_is_open.set()
        thread.join()
        assert is_old() and layers.Dropout(p=0.5).rate == 0.5
    assert sys.modules["keras"] is old_keras


def functions() -> dict[tuple[object, str], object]:
    """Return the methods of lamina's classes, and the functions that are replaced."""
    modules = [m for n, m in sys.modules.items() if n.startswith("lamina")]
    classes = {c for m in modules for c in vars(m).values() if isinstance(c, type)}
    library = [c for c in classes if c.__module__.startswith("lamina")]
    kinds = FunctionType, staticmethod, classmethod, property
    others = type(jnp.zeros(0)), Tracer, fetch, cifar, multiprocessing.spawn
    return {
        (owner, name): value
        for owner in [*library, *others]
        for name, value in vars(owner).items()
        if isinstance(value, kinds)
    }


def test_uninstall_leaves_the_process_as_it_was():
    compat.uninstall()
    layers.Dense(2)(np.ones((1, 3)))
    before, finders, names = functions(), list(sys.meta_path), set(sys.modules)
    compat.install()
    import tensorflow.keras

    tensorflow.keras.layers.Dense(output_dim=2)(np.ones((1, 3)))
    compat.uninstall()
    after = functions()
    assert {key: after[key] for key in before} == before
    assert sys.meta_path == finders
    assert {n.partition(".")[0] for n in set(sys.modules) - names} <= {"lamina"}


def test_tensorflow_brings_its_keras():
    with compat.installed():
        import tensorflow as tf

        # Tools look there for the modules that an import has brought.
        assert sys.modules["tensorflow.keras"] is tf.keras


def test_spawned_process_runs_old_programs():
    with compat.installed():
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            expression = "__import__('keras').layers.Dense(output_dim=3).units"
            assert pool.apply(eval, (expression,)) == 3


class Shell:
    """Shell of a notebook in which this file is cell 3."""

    class compile:
        @staticmethod
        def format_code_name(name: str) -> tuple[str, str] | None:
            return ("Cell", "In[3]") if name == __file__ else None


def test_extension_of_ipython_names_cells(capsys):
    shell = Shell()
    lamina.load_ipython_extension(shell)
    assert is_old()
    layers.Dropout(p=0.5)
    assert capsys.readouterr().err.startswith("Cell In[3]:")
    lamina.unload_ipython_extension(shell)
    assert not is_old()
    with pytest.raises(TypeError, match="has no argument 'p'"):
        layers.Dropout(p=0.5)  # pyright: ignore


# Imports at the start of many programs, which build no model yet.
IMPORTS = """
import keras
import tensorflow as tf
from keras import backend as K
from keras.datasets import mnist
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.utils import np_utils, to_categorical
import sys
print([n for n in ("models", "training.trainer", "data", "saving.keras_zip")
       if f"lamina.{n}" in sys.modules])
from keras.models import Sequential
model = Sequential([Dense(input_dim=3, output_dim=2)])
model.compile("sgd", "mse")
print(model.predict_classes([[0.0, 0.0, 0.0]]).shape)
"""


def test_programs_load_what_they_use_only(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(IMPORTS)
    command = [sys.executable, "-m", "lamina", "run", "--quiet", str(script)]
    output = subprocess.check_output(command, text=True)
    assert output.splitlines() == ["[]", "(1,)"]
