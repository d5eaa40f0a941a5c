"""FarmHash and SipHash, which do not depend on the platform or Python process.

The functions hash many strings at once. Strings of one length are rows of a byte
matrix, and arithmetic on 64-bit unsigned arrays wraps as that of the references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# One value for each string.
_Words = np.ndarray
_Four = tuple[_Words, _Words, _Words, _Words]

_MASK = 0xFFFFFFFFFFFFFFFF
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CAT = 0xC6A4A7935BD1E995


def _word(data: np.ndarray, offset: int, size: int = 8) -> _Words:
    """Return the little-endian words at an offset of each row."""
    part = np.ascontiguousarray(data[:, offset : offset + size])
    return part.view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate(word: _Words, by: int) -> _Words:
    return (word >> by) | (word << (64 - by))


def _mix(word: _Words) -> _Words:
    return word ^ (word >> 47)


def _hash_pair(low: _Words, high: _Words, factor: int | _Words) -> _Words:
    first = _mix((low ^ high) * factor)
    return _mix((high ^ first) * factor) * factor


def _mix_words(words: _Four, offset: int | _Words) -> tuple[_Words, _Words]:
    a, b, c, d = words
    first = _rotate(a + b, 43) + _rotate(c, 30) + d
    return first, a + _rotate(b + offset, 18) + c


def _ends(data: np.ndarray, first: int, factor: int) -> _Four:
    """Return the first two words and the last two, times their factors."""
    n = data.shape[1]
    last = _word(data, n - 8) * factor, _word(data, n - 16) * _K2
    return _word(data, 0) * first, _word(data, 8), *last


def _hash_up_to_16(data: np.ndarray) -> _Words:
    n = data.shape[1]
    factor = _K2 + 2 * n
    if n >= 8:
        a = _word(data, 0) + _K2
        b = _word(data, n - 8)
        c = _rotate(b, 37) * factor + a
        return _hash_pair(c, (_rotate(a, 25) + b) * factor, factor)
    if n >= 4:
        return _hash_pair((_word(data, 0, 4) << 3) + n, _word(data, n - 4, 4), factor)
    if n == 0:
        return np.full(len(data), _K2, np.uint64)
    first, middle, last = (data[:, i].astype(np.uint64) for i in (0, n >> 1, n - 1))
    y, z = first + (middle << 8), (last << 2) + n
    return _mix((y * _K2) ^ (z * _K0)) * _K2


def _hash_up_to_32(data: np.ndarray) -> _Words:
    factor = _K2 + 2 * data.shape[1]
    return _hash_pair(*_mix_words(_ends(data, _K1, factor), _K2), factor)


def _hash_up_to_64(data: np.ndarray) -> _Words:
    n = data.shape[1]
    factor = _K2 + 2 * n
    words = _ends(data, _K2, factor)
    y, second = _mix_words(words, _K2)
    z = _hash_pair(y, second, factor)
    e, f = _word(data, 16) * factor, _word(data, 24)
    g = (y + _word(data, n - 32)) * factor
    h = (z + _word(data, n - 24)) * factor
    return _hash_pair(*_mix_words((e, f, g, h), words[0]), factor)


_Pair = tuple[_Words, _Words]
_State = tuple[_Words, _Words, _Words, _Pair, _Pair]


def _weak_hash(words: list[_Words], a: _Words, b: _Words) -> _Pair:
    a = a + words[0]
    total = a + words[1] + words[2]
    b = _rotate(a + b + words[3], 21) + _rotate(total, 44)
    return total + words[3], a + b


def _add_block(
    block: np.ndarray, state: _State, factor: int | _Words = _K1, scale: int = 1
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


def _hash_above_64(data: np.ndarray) -> _Words:
    n = data.shape[1]
    zero = np.zeros(len(data), np.uint64)
    y = zero + ((81 * _K1 + 113) & _MASK)
    x, z = _word(data, 0) + ((81 * _K2) & _MASK), _mix(y * _K2 + 113) * _K2
    state = (x, y, z, (zero, zero), (zero, zero))
    rest = (n - 1) % 64
    for offset in range(0, n - 1 - rest, 64):
        state = _add_block(data[:, offset : offset + 64], state)
    x, y, z, v, w = state
    factor = ((z & 0xFF) << 1) + _K1
    v = (v[0] + w[0] + rest, v[1])
    w = (v[0] + w[0] + rest, w[1])
    x, y, z, v, w = _add_block(data[:, -64:], (x, y, z, v, w), factor, 9)
    first = _hash_pair(v[0], w[0], factor) + _mix(y) * _K0 + z
    return _hash_pair(first, _hash_pair(v[1], w[1], factor) + x, factor)


# Strings to hash: bytes, or an array of strings.
Text = Sequence[bytes] | np.ndarray


def _by_length(text: Text, hash_rows: Callable[[np.ndarray], _Words]) -> _Words:
    """Hash strings in groups of one length."""
    table = _ascii_table(text) if isinstance(text, np.ndarray) else None
    if table is not None:
        # The length of a string is the position behind its last character.
        positions = np.arange(1, table.shape[1] + 1, dtype=np.int32)
        lengths = np.max((table != 0) * positions, 1, initial=0)
    else:
        if isinstance(text, np.ndarray):
            text = [value.encode() for value in text.ravel().tolist()]
        lengths = np.fromiter(map(len, text), np.int64, len(text))
    hashes: _Words = np.zeros(len(lengths), np.uint64)
    for length in np.unique(lengths):
        group = np.flatnonzero(lengths == length)
        if table is not None:
            rows = table[group, :length]
        else:
            joined = b"".join([text[i] for i in group.tolist()])
            rows = np.frombuffer(joined, np.uint8).reshape(len(group), length)
        hashes[group] = hash_rows(rows)
    return hashes


def _ascii_table(text: np.ndarray) -> np.ndarray | None:
    """Return the characters of strings as rows of bytes, if all are ASCII."""
    width = text.dtype.itemsize // 4
    if width == 0 or not text.size:
        return None
    codes = np.ascontiguousarray(text).view(np.uint32).reshape(text.size, width)
    return codes.astype(np.uint8) if codes.max() < 128 else None


def farm_hash(text: Text) -> np.ndarray:
    """Return FarmHash's 64-bit fingerprints, those of TensorFlow's hash ops.

    Reference: https://github.com/google/farmhash
    """

    def hash_rows(data: np.ndarray) -> _Words:
        length = data.shape[1]
        if length <= 16:
            return _hash_up_to_16(data)
        if length <= 32:
            return _hash_up_to_32(data)
        return _hash_up_to_64(data) if length <= 64 else _hash_above_64(data)

    return _by_length(text, hash_rows)


def concatenated_hash(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Combine two fingerprints as TensorFlow's feature crosses do."""
    result = (first ^ _CAT) ^ (_mix(second * _CAT) * _CAT)
    return _mix(_mix(result * _CAT) * _CAT)


def _rounds(v: list[_Words], count: int) -> None:
    for _ in range(count):
        v[0] = v[0] + v[1]
        v[1] = _rotate(v[1], 51) ^ v[0]
        v[0] = _rotate(v[0], 32)
        v[2] = v[2] + v[3]
        v[3] = _rotate(v[3], 48) ^ v[2]
        v[0] = v[0] + v[3]
        v[3] = _rotate(v[3], 43) ^ v[0]
        v[2] = v[2] + v[1]
        v[1] = _rotate(v[1], 47) ^ v[2]
        v[2] = _rotate(v[2], 32)


def salt_pair(salt: int | Sequence[int] | None) -> list[int] | None:
    """Return the two words of a salt that is one or two integers."""
    if salt is None:
        return None
    return [salt, salt] if isinstance(salt, int) else list(salt)


def sip_hash(text: Text, key: Sequence[int]) -> np.ndarray:
    """Return the SipHash-2-4 of strings with a key of two 64-bit words.

    Reference: Aumasson and Bernstein 2012, https://cr.yp.to/siphash/siphash-20120918.pdf
    """
    low, high = (k & _MASK for k in key)
    start = (
        low ^ 0x736F6D6570736575,
        high ^ 0x646F72616E646F6D,
        low ^ 0x6C7967656E657261,
        high ^ 0x7465646279746573,
    )

    def hash_rows(data: np.ndarray) -> _Words:
        count, length = data.shape
        v: list[_Words] = [np.full(count, word, np.uint64) for word in start]
        padded = np.pad(data, ((0, 0), (0, 8 - length % 8)))
        padded[:, -1] = length & 0xFF
        for offset in range(0, padded.shape[1], 8):
            word = _word(padded, offset)
            v[3] = v[3] ^ word
            _rounds(v, 2)
            v[0] = v[0] ^ word
        v[2] = v[2] ^ 0xFF
        _rounds(v, 4)
        return v[0] ^ v[1] ^ v[2] ^ v[3]

    return _by_length(text, hash_rows)
