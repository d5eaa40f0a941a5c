"""Files of Keras 1 and 2, and legacy `.h5` files of later versions."""
