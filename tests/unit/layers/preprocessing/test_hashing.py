"""FarmHash against Google's own, SipHash against the paper's vector."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.errors import ArgumentError
from lamina.layers.preprocessing.hashing import farm_hash, sip_hash

# From pyfarmhash 0.5.1, which wraps Google's C++.
FINGERPRINTS = {
    b"": 0x9AE16A3B2F90404F,
    b"a": 12917804110809363939,
    b"abc": 2640714258260161385,
    b"lamina": 1993324533639882222,
    b"x" * 16: 3320895591121647644,
    b"abc" * 6: 18270997141678192505,
    b"0123456789" * 5: 14788869930388920584,
    b"a" * 128: 13699116105903195126,
    b"lamina " * 30: 8244346193427546826,
}


def test_farm_hash_is_googles():
    assert farm_hash(list(FINGERPRINTS)).tolist() == list(FINGERPRINTS.values())


def test_oov_strings_get_the_buckets_of_tensorflow():
    words = [b"100", b"300", b"700", b"1100", b"1700", b"2000"]
    assert (farm_hash(words) % 4).tolist() == [3, 3, 2, 2, 0, 1]
    assert (farm_hash([b"m", b"z"]) % 2).tolist() == [0, 1]


def test_sip_hash_is_the_papers():
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert sip_hash([bytes(range(15))], key).tolist() == [0xA129CA6149BE45E5]


def test_crosses_are_those_of_tensorflow():
    # `tf.sparse.cross_hashed` of TensorFlow 2.21 on words, and numbers of 40 bits.
    words = ["", "lamina", "x" * 70]
    numbers = np.array([-5, 2**40, 7])
    layer = layers.HashedCrossing(num_bins=1000)
    np.testing.assert_array_equal(layer([words, numbers]), [885, 383, 292])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([1.0]), "on a list"),
        ([np.array([1])], "at least two"),
        ([np.array([1.0]), np.array([2.0])], "integer or string"),
        ([np.array([[1, 2]]), np.array([[1, 2]])], "should have shape"),
        ([np.array([1]), np.array([1, 2])], "same for all"),
    ],
)
def test_crossing_refuses_invalid_features(values, words):
    with pytest.raises((ValueError, TypeError), match=words):
        layers.HashedCrossing(num_bins=3)(values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_bins": None}, "cannot be `None`"),
        ({"num_bins": 2, "salt": [1]}, "can only be a tuple of size 2"),
        ({"num_bins": 2, "dtype": "float32"}, "int64"),
        ({"num_bins": 2, "sparse": True}, "sparse"),
    ],
)
def test_hashing_refuses_invalid_arguments(options, words):
    with pytest.raises(ArgumentError, match=words):
        layers.Hashing(**options)


def test_hashing_has_a_symbolic_output():
    words = layers.Input((1,), dtype="string")
    assert layers.Hashing(3, dtype="int32")(words).dtype == "int32"
    vector = layers.HashedCrossing(4, "one_hot")([words, words])
    assert (vector.shape, vector.dtype) == ((None, 4), "float32")
