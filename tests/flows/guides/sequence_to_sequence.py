"""An encoder and a decoder trained together, then taken apart for decoding."""

import numpy as np

import lamina as keras

latent_dim, num_encoder_tokens, num_decoder_tokens = 8, 5, 6

encoder_inputs = keras.Input(shape=(None, num_encoder_tokens))
encoder = keras.layers.LSTM(latent_dim, return_state=True)
_, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = keras.Input(shape=(None, num_decoder_tokens))
decoder_lstm = keras.layers.LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = keras.layers.Dense(num_decoder_tokens, activation="softmax")
model = keras.Model([encoder_inputs, decoder_inputs], decoder_dense(decoder_outputs))
model.compile(
    optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"]
)

random = np.random.default_rng(0)
sources = np.eye(5)[random.integers(5, size=(32, 4))]
targets = np.eye(6)[random.integers(6, size=(32, 7))]
model.fit(
    [sources, targets[:, :-1]], targets[:, 1:], batch_size=8, epochs=1,
    validation_split=0.2, verbose=0,
)  # fmt: skip

encoder_inputs = model.input[0]
_, state_h_enc, state_c_enc = model.layers[2].output
encoder_model = keras.Model(encoder_inputs, [state_h_enc, state_c_enc])

decoder_inputs = model.input[1]
decoder_states_inputs = [keras.Input(shape=(latent_dim,)) for _ in range(2)]
decoder_lstm = model.layers[3]
decoder_outputs, state_h_dec, state_c_dec = decoder_lstm(
    decoder_inputs, initial_state=decoder_states_inputs
)
decoder_dense = model.layers[4]
decoder_model = keras.Model(
    [decoder_inputs, *decoder_states_inputs],
    [decoder_dense(decoder_outputs), state_h_dec, state_c_dec],
)

states = encoder_model.predict(sources[:1], verbose=0)
expected = model.predict([sources[:1], targets[:1]], verbose=0)
for step in range(7):
    token = targets[:1, step : step + 1]
    output, *states = decoder_model.predict([token, *states], verbose=0)
    np.testing.assert_allclose(output[0, 0], expected[0, step], rtol=1e-4)
