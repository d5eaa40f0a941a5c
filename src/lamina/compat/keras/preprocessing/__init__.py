"""Images, sequences and texts of `keras.preprocessing` in Keras 1 and 2."""
