"""FarmHash against Google's own, SipHash against the paper's vector."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("data", FINGERPRINTS, ids=len)
def test_farm_hash_is_googles(data):
    assert farm_hash(data) == FINGERPRINTS[data]


def test_oov_strings_get_the_buckets_of_tensorflow():
    words = ["100", "300", "700", "1100", "1700", "2000"]
    assert [farm_hash(word.encode()) % 4 for word in words] == [3, 3, 2, 2, 0, 1]
    assert [farm_hash(word) % 2 for word in (b"m", b"z")] == [0, 1]


def test_sip_hash_is_the_papers():
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert sip_hash(bytes(range(15)), key) == 0xA129CA6149BE45E5
