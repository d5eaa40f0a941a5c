"""Parts of Keras 1 and 2 that Keras 3 does not have, with their old arguments."""
