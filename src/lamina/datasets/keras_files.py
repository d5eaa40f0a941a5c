"""Files that Keras publishes, with their hashes."""

from __future__ import annotations

from lamina.datasets.fetch import get_file

SERVER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
HASHES = {
    "boston_housing.npz": (
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
    ),
    "california_housing.npz": (
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
    ),
    "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    "mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    "reuters.npz": "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    "reuters_word_index.json": "4d44cc38712099c9e383dc6e5f11a921",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
}


def keras_file(name: str, path: str, subfolder: str = "datasets") -> str:
    """Download a file once and return its path.

    Args:
        name: its name on the server.
        path: its name in the cache.
        subfolder: folder inside the cache.
    """
    origin, digest = SERVER + name, HASHES[name]
    return get_file(path, origin, file_hash=digest, cache_subdir=subfolder)
