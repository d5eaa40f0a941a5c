"""FarmHash and SipHash, which do not depend on the platform or Python process."""

from __future__ import annotations

_MASK = 0xFFFFFFFFFFFFFFFF
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(data: bytes, offset: int, size: int = 8) -> int:
    return int.from_bytes(data[offset : offset + size], "little")


def _rotate(word: int, by: int) -> int:
    return ((word >> by) | (word << (64 - by))) & _MASK


def _mix(word: int) -> int:
    return word ^ (word >> 47)


def _hash_pair(low: int, high: int, factor: int) -> int:
    first = _mix(((low ^ high) * factor) & _MASK)
    second = _mix(((high ^ first) * factor) & _MASK)
    return (second * factor) & _MASK


def _hash_up_to_16(data: bytes) -> int:
    n = len(data)
    factor = (_K2 + 2 * n) & _MASK
    if n >= 8:
        a = (_word(data, 0) + _K2) & _MASK
        b = _word(data, n - 8)
        c = (_rotate(b, 37) * factor + a) & _MASK
        d = ((_rotate(a, 25) + b) * factor) & _MASK
        return _hash_pair(c, d, factor)
    if n >= 4:
        first = n + (_word(data, 0, 4) << 3)
        return _hash_pair(first & _MASK, _word(data, n - 4, 4), factor)
    if n == 0:
        return _K2
    y = data[0] + (data[n >> 1] << 8)
    z = n + (data[-1] << 2)
    return (_mix(((y * _K2) ^ (z * _K0)) & _MASK) * _K2) & _MASK


def _hash_up_to_32(data: bytes) -> int:
    n = len(data)
    factor = (_K2 + 2 * n) & _MASK
    a = (_word(data, 0) * _K1) & _MASK
    b = _word(data, 8)
    c = (_word(data, n - 8) * factor) & _MASK
    d = (_word(data, n - 16) * _K2) & _MASK
    first = (_rotate((a + b) & _MASK, 43) + _rotate(c, 30) + d) & _MASK
    second = (a + _rotate((b + _K2) & _MASK, 18) + c) & _MASK
    return _hash_pair(first, second, factor)


def _hash_up_to_64(data: bytes) -> int:
    n = len(data)
    factor = (_K2 + 2 * n) & _MASK
    a = (_word(data, 0) * _K2) & _MASK
    b = _word(data, 8)
    c = (_word(data, n - 8) * factor) & _MASK
    d = (_word(data, n - 16) * _K2) & _MASK
    y = (_rotate((a + b) & _MASK, 43) + _rotate(c, 30) + d) & _MASK
    z = _hash_pair(y, (a + _rotate((b + _K2) & _MASK, 18) + c) & _MASK, factor)
    e = (_word(data, 16) * factor) & _MASK
    f = _word(data, 24)
    g = ((y + _word(data, n - 32)) * factor) & _MASK
    h = ((z + _word(data, n - 24)) * factor) & _MASK
    first = (_rotate((e + f) & _MASK, 43) + _rotate(g, 30) + h) & _MASK
    second = (e + _rotate((f + a) & _MASK, 18) + g) & _MASK
    return _hash_pair(first, second, factor)


def _weak_hash(data: bytes, offset: int, a: int, b: int) -> tuple[int, int]:
    """Mix a block of 32 bytes into two words."""
    w, x, y, z = (_word(data, offset + i) for i in (0, 8, 16, 24))
    a = (a + w) & _MASK
    b = _rotate((b + a + z) & _MASK, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _rotate(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def _hash_above_64(data: bytes) -> int:
    x = 81
    y = (81 * _K1 + 113) & _MASK
    z = (_mix((y * _K2 + 113) & _MASK) * _K2) & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = (len(data) - 1) // 64 * 64
    for offset in range(0, end, 64):
        x = _rotate((x + y + v[0] + _word(data, offset + 8)) & _MASK, 37) * _K1 & _MASK
        y = _rotate((y + v[1] + _word(data, offset + 48)) & _MASK, 42) * _K1 & _MASK
        x ^= w[1]
        y = (y + v[0] + _word(data, offset + 40)) & _MASK
        z = _rotate((z + w[0]) & _MASK, 33) * _K1 & _MASK
        v = _weak_hash(data, offset, (v[1] * _K1) & _MASK, (x + w[0]) & _MASK)
        w = _weak_hash(
            data,
            offset + 32,
            (z + w[1]) & _MASK,
            (y + _word(data, offset + 16)) & _MASK,
        )
        z, x = x, z
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    last = len(data) - 64
    w = ((w[0] + ((len(data) - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x = _rotate((x + y + v[0] + _word(data, last + 8)) & _MASK, 37) * factor & _MASK
    y = _rotate((y + v[1] + _word(data, last + 48)) & _MASK, 42) * factor & _MASK
    x ^= (w[1] * 9) & _MASK
    y = (y + v[0] * 9 + _word(data, last + 40)) & _MASK
    z = _rotate((z + w[0]) & _MASK, 33) * factor & _MASK
    v = _weak_hash(data, last, (v[1] * factor) & _MASK, (x + w[0]) & _MASK)
    w = _weak_hash(
        data, last + 32, (z + w[1]) & _MASK, (y + _word(data, last + 16)) & _MASK
    )
    z, x = x, z
    first = (_hash_pair(v[0], w[0], factor) + _mix(y) * _K0 + z) & _MASK
    second = (_hash_pair(v[1], w[1], factor) + x) & _MASK
    return _hash_pair(first, second, factor)


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
        v[0] = (v[0] + v[1]) & _MASK
        v[1] = _rotate(v[1], 51) ^ v[0]
        v[0] = _rotate(v[0], 32)
        v[2] = (v[2] + v[3]) & _MASK
        v[3] = _rotate(v[3], 48) ^ v[2]
        v[0] = (v[0] + v[3]) & _MASK
        v[3] = _rotate(v[3], 43) ^ v[0]
        v[2] = (v[2] + v[1]) & _MASK
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
    return v[0] ^ v[1] ^ v[2] ^ v[3]
