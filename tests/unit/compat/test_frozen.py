"""Models that are frozen after `compile`, as the discriminators of old GANs."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import Model, Sequential, layers
from lamina.compat.defaults import Release, use
from lamina.core.scope import override

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
ONES, ZEROS = np.ones((8, 1)), np.zeros((8, 1))


def gan():
    judge = Sequential(
        [layers.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")]
    )
    judge.layers[0].trainable = False
    judge.compile("sgd", "binary_crossentropy")
    judge.trainable = False
    noise = layers.Input((3,))
    both = Model(noise, judge(layers.Dense(3, "tanh")(noise)))
    both.compile("sgd", "binary_crossentropy")
    return judge, both


def changed(model, train):
    """Return whether the training changes each of the model's weights."""
    before = model.get_weights()
    train()
    after = model.get_weights()
    return [bool((a != b).any()) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("release", [Release.KERAS_1, Release.TF_KERAS_2])
def test_discriminator_is_trained_as_compiled(release):
    judge, both = gan()
    with use(release):
        # The first layer was frozen before `compile`.
        as_compiled = [False, False, True, True]
        assert changed(judge, lambda: judge.train_on_batch(X, ZEROS)) == as_compiled
        assert changed(judge, lambda: judge.fit(X, ZEROS, verbose=0)) == as_compiled
        assert not any(changed(judge, lambda: both.train_on_batch(X, ONES)))
        assert any(changed(both, lambda: both.train_on_batch(X, ONES)))
    assert not judge.trainable
    with use(Release.KERAS_3):
        assert not any(changed(judge, lambda: judge.train_on_batch(X, ZEROS)))


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (Release.KERAS_2_2, [False, False, True, True]),
        (Release.KERAS_3, [True, True, False, False]),
    ],
)
def test_layers_of_a_model_are_trained_as_compiled(release, expected):
    critic = Sequential([layers.Input((3,)), layers.Dense(1)])
    base = layers.Dense(3)
    base.trainable = False
    x = layers.Input((3,))
    model = Model(x, critic(base(x)))
    model.compile("sgd", "mse")
    critic.trainable, base.trainable = False, True
    with use(release):
        assert changed(model, lambda: model.train_on_batch(X, ONES)) == expected
    assert not critic.trainable and base.trainable


@pytest.mark.parametrize(
    ("release", "codes"),
    [(Release.KERAS_2_2, []), (Release.KERAS_3, ["nothing-trainable"])],
)
def test_frozen_discriminator_is_a_mistake_today(release, codes):
    judge, _ = gan()
    found = []
    with use(release), override(on_findings=lambda some, _: found.extend(some)):
        judge.train_on_batch(X, ZEROS)
    assert [each.code for each in found] == codes
