"""Recurrent layers: stacked, stateful, both ways, with states handed over."""

import numpy as np

import lamina as keras
from lamina import layers

model = keras.Sequential()
model.add(layers.Embedding(input_dim=1000, output_dim=16))
model.add(layers.GRU(16, return_sequences=True))
model.add(layers.SimpleRNN(8))
model.add(layers.Dense(10))
model.summary()
assert model(np.ones((2, 7), "int32")).shape == (2, 10)

encoder_input = layers.Input(shape=(None,))
encoder_embedded = layers.Embedding(input_dim=100, output_dim=16)(encoder_input)
output, state_h, state_c = layers.LSTM(8, return_state=True, name="encoder")(
    encoder_embedded
)
decoder_input = layers.Input(shape=(None,))
decoder_embedded = layers.Embedding(input_dim=200, output_dim=16)(decoder_input)
decoder_output = layers.LSTM(8, name="decoder")(
    decoder_embedded, initial_state=[state_h, state_c]
)
model = keras.Model([encoder_input, decoder_input], layers.Dense(10)(decoder_output))
words = np.ones((3, 5), "int32")
assert model.predict([words, words], verbose=0).shape == (3, 10)

paragraph = np.random.default_rng(0).random((6, 10, 5)).astype(np.float32)
lstm_layer = layers.LSTM(8, stateful=True)
first = lstm_layer(paragraph)
second = lstm_layer(paragraph)
assert not np.allclose(first, second)
existing_state = [np.array(state) for state in lstm_layer.states]
lstm_layer.reset_state()
np.testing.assert_allclose(lstm_layer(paragraph), first, rtol=1e-6)
new_layer = layers.LSTM(8)
assert new_layer(paragraph, initial_state=existing_state).shape == (6, 8)

model = keras.Sequential()
model.add(
    layers.Bidirectional(layers.LSTM(8, return_sequences=True), input_shape=(10, 5))
)
model.add(layers.Bidirectional(layers.LSTM(4)))
model.add(layers.Dense(10))
assert [layer.output.shape for layer in model.layers] == [
    (None, 10, 16), (None, 8), (None, 10),
]  # fmt: skip

model = keras.Sequential(
    [
        layers.RNN(layers.LSTMCell(8), input_shape=(None, 5)),
        layers.BatchNormalization(),
        layers.Dense(10),
    ]
)
model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer="sgd",
    metrics=["accuracy"],
)
labels = np.arange(6)
model.fit(
    paragraph, labels, validation_data=(paragraph, labels), batch_size=3, verbose=0
)
