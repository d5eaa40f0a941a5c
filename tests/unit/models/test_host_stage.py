"""Models whose data passes layers on the host, such as lookups of text."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers

TEXTS = np.array(["good film", "bad film", "awful bad", "great good good"] * 4)
LABELS = np.array([1, 0, 0, 1] * 4)
WORDS = ["good", "bad", "film"]


def classifier(*first, **options):
    options = {"output_sequence_length": 3} | options
    vectorize = layers.TextVectorization(vocabulary=WORDS, **options)
    head = (
        [layers.Embedding(5, 4), layers.Flatten()]
        if "output_mode" not in options
        else []
    )
    model = lamina.Sequential([*first, vectorize, *head, layers.Dense(1)])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    return model


def trained(model, **options):
    lamina.random.set_seed(3)
    return model.fit(verbose=0, seed=1, **options).history


def batches(data, labels, size=4):
    return [(data[i : i + size], labels[i : i + size]) for i in range(0, 16, size)]


@pytest.mark.parametrize(
    "first",
    [[], [layers.Input((1,), dtype="string")], [layers.Input((), dtype="string")]],
    ids=["inferred", "column", "scalars"],
)
def test_text_trains_as_its_indices_do(first):
    model = classifier(*first)
    vectorize = model.layers[0]
    model.predict(TEXTS)
    rest = lamina.Sequential(model.layers[1:])
    rest.compile(lamina.optimizers.SGD(0.1), "mse")
    weights = model.get_weights()
    options = {"y": LABELS, "epochs": 2, "batch_size": 4, "validation_split": 0.25}
    expected = trained(rest, x=np.asarray(vectorize(TEXTS)), **options)
    model.set_weights(weights)
    assert trained(model, x=TEXTS, **options) == expected
    model.set_weights(weights)
    assert trained(model, x=TEXTS.tolist(), **options) == expected


@pytest.mark.parametrize("mode", ["count", "multi_hot"])
def test_text_that_is_too_large_is_converted_batch_by_batch(mode, monkeypatch):
    model = classifier(output_mode=mode, output_sequence_length=None)
    expected = model.predict(TEXTS, batch_size=4)
    whole = model.evaluate(TEXTS, LABELS, verbose=0)
    monkeypatch.setattr(lamina.config, "memory_limit", lambda: 100)
    predicted = model.predict(TEXTS, batch_size=4)
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)
    assert model.evaluate(TEXTS, LABELS, verbose=0) == pytest.approx(whole)
    history = model.fit(TEXTS, LABELS, verbose=0, validation_split=0.5).history
    assert np.isfinite(history["val_loss"]).all()


def test_batches_of_text_pass_the_host_layers():
    model = classifier()
    expected = model.predict(TEXTS)
    predicted = model.predict(iter(np.split(TEXTS, 4)))
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)
    model.fit(iter(batches(TEXTS, LABELS)), verbose=0)
    model.fit(iter(batches(TEXTS, LABELS)), verbose=0, validation_data=(TEXTS, LABELS))
    assert model.train_on_batch(TEXTS, LABELS) > 0
    assert model.test_on_batch(TEXTS, LABELS) > 0
    assert model.predict_on_batch(TEXTS[:3]).shape == (3, 1)


def two_inputs():
    text = layers.Input((1,), dtype="string", name="text")
    other = layers.Input((1,), dtype="string", name="other")
    number = layers.Input((2,), name="number")
    vectorize = layers.TextVectorization(vocabulary=WORDS, output_mode="count")
    crossed = layers.HashedCrossing(4, "one_hot")([text, other])
    parts = [vectorize(text), vectorize(other), crossed, number]
    outputs = layers.Dense(1)(layers.Concatenate()(parts))
    model = lamina.Model({"text": text, "other": other, "number": number}, outputs)
    model.compile("sgd", "mse")
    return model


def test_host_layers_may_be_shared_and_have_several_inputs(tmp_path):
    model = two_inputs()
    x = {"text": TEXTS, "other": TEXTS[::-1], "number": np.ones((16, 2), "float32")}
    model.fit(x, LABELS, verbose=0, validation_split=0.25)
    expected = model(x)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(iter([x])), expected, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x), expected, rtol=1e-6)


def test_a_model_of_host_layers_alone_converts_text():
    layer = layers.TextVectorization(vocabulary=WORDS)
    model = lamina.Sequential([layers.Input((1,), dtype="string"), layer])
    assert model.predict(TEXTS[:2]).tolist() == [[2, 4], [3, 4]]
    with pytest.raises(lamina.errors.ShapeError, match="takes arrays of shape"):
        model.predict(TEXTS.reshape(4, 4))


@pytest.mark.parametrize("is_built", [True, False])
def test_models_with_host_layers_are_called_on_symbolic_tensors(is_built):
    vectorize = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=3)
    inner = lamina.Sequential([vectorize, layers.Embedding(5, 4), layers.Flatten()])
    if is_built:
        inner.build((None,))
    text = layers.Input((), dtype="string")
    model = lamina.Model(text, layers.Dense(1)(inner(text)))
    kernel, bias = model.layers[-1].get_weights()
    expected = inner.predict(TEXTS) @ kernel + bias
    np.testing.assert_allclose(model.predict(TEXTS), expected, rtol=1e-5)
    assert len(model.trainable_variables) == 3


def test_inner_models_with_host_layers_take_several_inputs():
    inner = two_inputs()
    tensors = {name: tensor for name, tensor in inner.input.items()}
    outer = lamina.Model(tensors, inner(tensors) * 2)
    x = {"text": TEXTS, "other": TEXTS[::-1], "number": np.ones((16, 2), "float32")}
    np.testing.assert_allclose(outer.predict(x), 2 * inner.predict(x), rtol=1e-5)
