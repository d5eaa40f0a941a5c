"""Functions of `keras.backend` in Keras 1 and 2."""
