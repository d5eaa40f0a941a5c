"""keras-self-attention: a model is trained, saved and loaded."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("keras_self_attention") is None:
    pytest.skip("keras-self-attention is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


def test_keras_self_attention_trains_and_is_saved(tmp_path):
    import keras
    from keras_self_attention import SeqSelfAttention

    x = np.random.default_rng(0).integers(1, 20, (32, 6))
    model = keras.models.Sequential()
    model.add(keras.layers.Embedding(20, 8, mask_zero=True))
    model.add(keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)))
    model.add(SeqSelfAttention(attention_activation="sigmoid"))
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, x % 2, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(
        path, custom_objects=SeqSelfAttention.get_custom_objects()
    )
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
