"""Layers of upgraded programs: random numbers, losses and metrics."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import lamina

pytest.importorskip("libcst")

from lamina.compat.upgrade import symbolic  # noqa: E402
from lamina.compat.upgrade.program import upgrade_text  # noqa: E402

K = "from keras import backend as K\n"
RANDOM = [
    # A layer without a constructor, and one with its own.
    (
        'class A(keras.layers.Layer):\n    """Noise."""\n\n'
        "    def call(self, x):\n        return K.random_uniform(K.shape(x))\n",
        'class A(keras.layers.Layer):\n    """Noise."""\n\n'
        "    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n"
        "        self.seed_generator = keras.random.SeedGenerator()\n\n"
        "    def call(self, x):\n        return keras.random.uniform("
        "keras.ops.shape(x), seed=self.seed_generator)\n",
    ),
    (
        "class A(keras.Model):\n    def __init__(self, n):\n"
        "        super().__init__()\n        self.n = n\n\n"
        "    def draw(self):\n        return K.dropout(x, 0.5, seed=None)\n",
        "class A(keras.Model):\n    def __init__(self, n):\n"
        "        super().__init__()\n        self.n = n\n"
        "        self.seed_generator = keras.random.SeedGenerator()\n\n"
        "    def draw(self):\n        return keras.random.dropout("
        "x, 0.5, seed=self.seed_generator)\n",
    ),
    (
        "def f(x):\n    return x + K.random_normal(K.shape(x))\n"
        "y = keras.layers.Lambda(f)(x)\n",
        "_seed = keras.random.SeedGenerator()\n\n\ndef _with_seed(layer):\n"
        "    layer.seed_generator = _seed\n    return layer\n\n\n"
        "def f(x):\n    return x + keras.random.normal(keras.ops.shape(x), "
        "seed=_seed)\ny = _with_seed(keras.layers.Lambda(f))(x)\n",
    ),
]


@pytest.mark.parametrize(("old", "new"), RANDOM)
def test_random_numbers_of_layers_have_a_generator(old, new):
    found = upgrade_text("import keras\n" + K + old).text
    assert found.split("import keras\n")[1].strip() == new.strip()
    assert upgrade_text(found).text == found


LAYER = "class A(keras.layers.Layer):\n    def call(self, x):\n        "


@pytest.mark.parametrize(
    ("root", "old", "new"),
    [
        (
            "keras",
            "self.add_loss(K.sum(x), inputs=x)",
            "self.add_loss(keras.ops.sum(x))",
        ),
        ("keras", "self.add_metric(x, 'a')", "pass"),
        ("lamina", "self.add_metric(x, name='a')", "self.a_metric.update_state(x)"),
        (
            "keras",
            "return keras.random.normal((2, 2))",
            "return keras.random.normal((2, 2), seed=self.seed_generator)",
        ),
    ],
)
def test_layers_add_losses_and_draw_numbers_as_those_of_today(root, old, new):
    found = upgrade_text("import keras\n" + K + LAYER + old + "\n", root).text
    assert f"        {new}\n" in found
    assert ("self.a_metric = lamina.metrics.Mean(name='a')" in found) == (
        root == "lamina"
    )


def test_values_of_tensors_are_those_of_the_thread():
    tensor, both_have_values = lamina.Input((1,)), threading.Barrier(2)

    def train(value):
        def compute_loss(*_):
            both_have_values.wait()
            return symbolic.value_of(tensor)

        others = lambda x, training: {str(id(tensor)): value}  # noqa: E731
        return symbolic.loss_with(others, compute_loss)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(train, [1.0, 2.0])) == [1.0, 2.0]
    assert symbolic.value_of(tensor) is tensor
