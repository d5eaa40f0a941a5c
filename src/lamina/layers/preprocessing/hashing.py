"""FarmHash and SipHash, which do not depend on the platform or Python process."""

from __future__ import annotations

_MASK = 0xFFFFFFFFFFFFFFFF
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F

# Integers are only reduced to 64 bits where higher bits would change the result.


def _word(data: bytes, offset: int, size: int = 8) -> int:
    return int.from_bytes(data[offset : offset + size], "little")


def _rotate(word: int, by: int) -> int:
    word &= _MASK
    return ((word >> by) | (word << (64 - by))) & _MASK


def _mix(word: int) -> int:
    word &= _MASK
    return word ^ (word >> 47)


def _hash_pair(low: int, high: int, factor: int) -> int:
    first = _mix((low ^ high) * factor)
    return (_mix((high ^ first) * factor) * factor) & _MASK


def _mix_words(words: tuple[int, int, int, int], offset: int) -> tuple[int, int]:
    a, b, c, d = words
    first = _rotate(a + b, 43) + _rotate(c, 30) + d
    return first, a + _rotate(b + offset, 18) + c


def _ends(data: bytes, first: int, factor: int) -> tuple[int, int, int, int]:
    """Return the first two words and the last two, times their factors."""
    n = len(data)
    last = _word(data, n - 8) * factor, _word(data, n - 16) * _K2
    return _word(data, 0) * first, _word(data, 8), *last


def _hash_up_to_16(data: bytes) -> int:
    n = len(data)
    factor = _K2 + 2 * n
    if n >= 8:
        a = _word(data, 0) + _K2
        b = _word(data, n - 8)
        c = _rotate(b, 37) * factor + a
        return _hash_pair(c, (_rotate(a, 25) + b) * factor, factor)
    if n >= 4:
        return _hash_pair(n + (_word(data, 0, 4) << 3), _word(data, n - 4, 4), factor)
    if n == 0:
        return _K2
    y = data[0] + (data[n >> 1] << 8)
    z = n + (data[-1] << 2)
    return (_mix((y * _K2) ^ (z * _K0)) * _K2) & _MASK


def _hash_up_to_32(data: bytes) -> int:
    factor = _K2 + 2 * len(data)
    return _hash_pair(*_mix_words(_ends(data, _K1, factor), _K2), factor)


def _hash_up_to_64(data: bytes) -> int:
    n = len(data)
    factor = _K2 + 2 * n
    words = _ends(data, _K2, factor)
    y, second = _mix_words(words, _K2)
    z = _hash_pair(y, second, factor)
    e, f = _word(data, 16) * factor, _word(data, 24)
    g = (y + _word(data, n - 32)) * factor
    h = (z + _word(data, n - 24)) * factor
    return _hash_pair(*_mix_words((e, f, g, h), words[0]), factor)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _weak_hash(words: list[int], a: int, b: int) -> tuple[int, int]:
    a += words[0]
    total = a + words[1] + words[2]
    b = _rotate(a + b + words[3], 21) + _rotate(total, 44)
    return (total + words[3]) & _MASK, (a + b) & _MASK


def _add_block(
    block: bytes, state: _State, factor: int = _K1, scale: int = 1
) -> _State:
    """Return the state after 64 bytes."""
    words = [_word(block, offset) for offset in range(0, 64, 8)]
    x, y, z, v, w = state
    x = (_rotate(x + y + v[0] + words[1], 37) * factor) ^ (w[1] * scale)
    y = _rotate(y + v[1] + words[6], 42) * factor + v[0] * scale + words[5]
    z = _rotate(z + w[0], 33) * factor
    v = _weak_hash(words[:4], v[1] * factor, x + w[0])
    w = _weak_hash(words[4:], z + w[1], y + words[2])
    return z, y, x, v, w


def _hash_above_64(data: bytes) -> int:
    y = 81 * _K1 + 113
    state = (81 * _K2 + _word(data, 0), y, _mix(y * _K2 + 113) * _K2, (0, 0), (0, 0))
    rest = (len(data) - 1) % 64
    for offset in range(0, len(data) - 1 - rest, 64):
        state = _add_block(data[offset : offset + 64], state)
    x, y, z, v, w = state
    factor = _K1 + ((z & 0xFF) << 1)
    v = (v[0] + w[0] + rest, v[1])
    w = (v[0] + w[0] + rest, w[1])
    x, y, z, v, w = _add_block(data[-64:], (x, y, z, v, w), factor, 9)
    first = _hash_pair(v[0], w[0], factor) + _mix(y) * _K0 + z
    return _hash_pair(first, _hash_pair(v[1], w[1], factor) + x, factor)


def farm_hash(data: bytes) -> int:
    """Return FarmHash's 64-bit fingerprint.

    Reference: https://github.com/google/farmhash
    """
    if len(data) <= 16:
        return _hash_up_to_16(data)
    if len(data) <= 32:
        return _hash_up_to_32(data)
    return _hash_up_to_64(data) if len(data) <= 64 else _hash_above_64(data)


def _rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0] += v[1]
        v[1] = _rotate(v[1], 51) ^ v[0]
        v[0] = _rotate(v[0], 32)
        v[2] += v[3]
        v[3] = _rotate(v[3], 48) ^ v[2]
        v[0] += v[3]
        v[3] = _rotate(v[3], 43) ^ v[0]
        v[2] += v[1]
        v[1] = _rotate(v[1], 47) ^ v[2]
        v[2] = _rotate(v[2], 32)


def sip_hash(data: bytes, key: tuple[int, int]) -> int:
    """Return the SipHash-2-4 with a key of two 64-bit words.

    Reference: Aumasson and Bernstein 2012, https://cr.yp.to/siphash/siphash-20120918.pdf
    """
    low, high = (k & _MASK for k in key)
    v = [
        low ^ 0x736F6D6570736575,
        high ^ 0x646F72616E646F6D,
        low ^ 0x6C7967656E657261,
        high ^ 0x7465646279746573,
    ]
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for offset in range(0, len(padded), 8):
        word = _word(padded, offset)
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _rounds(v, 4)
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) & _MASK
