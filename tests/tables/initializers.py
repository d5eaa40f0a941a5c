"""Every initializer, with the moments and bounds of the random ones.

Keras's oracle covers only `CONSTANT`, because random bits differ between libraries."""

from __future__ import annotations

from math import sqrt

from tests.tables.cases import InitializerCase, SmallCase

CONSTANT = [
    SmallCase("zeros", lambda k: k.initializers.Zeros()),
    SmallCase("ones", lambda k: k.initializers.Ones()),
    SmallCase("constant", lambda k: k.initializers.Constant(0.3)),
    SmallCase("identity", lambda k: k.initializers.Identity()),
    SmallCase("identity_gain", lambda k: k.initializers.Identity(gain=2.0)),
]

SPECTRAL = [
    SmallCase("stft", lambda k: k.initializers.STFT()),
    SmallCase(
        "stft_imaginary", lambda k: k.initializers.STFT("imag", "hamming", "spectrum")
    ),
    SmallCase("stft_periodic", lambda k: k.initializers.STFT(window=None)),
]

# Standard deviation of the standard normal distribution truncated at 2.
TRUNCATED_STDDEV = 0.8796256610342398
UNIFORM, NORMAL, TRUNCATED = 1.8, 3.0, 2.365
MATRIX, KERNEL = (200, 300), (3, 3, 40, 60)
FANS = {MATRIX: (200, 300), KERNEL: (360, 540)}


def uniform(name, make, shape, variance):
    bound = sqrt(3 * variance)
    return InitializerCase(name, make, shape, 0.0, sqrt(variance), UNIFORM, bound)


def truncated_normal(name, make, shape, variance):
    bound = 2 * sqrt(variance) / TRUNCATED_STDDEV
    return InitializerCase(name, make, shape, 0.0, sqrt(variance), TRUNCATED, bound)


def scaled():
    """Yield the cases of Glorot (2 / (in + out)), He (2 / in) and LeCun (1 / in)."""
    for shape, (fan_in, fan_out) in FANS.items():
        variances = {
            "Glorot": 2 / (fan_in + fan_out),
            "He": 2 / fan_in,
            "Lecun": 1 / fan_in,
        }
        for author, variance in variances.items():
            for kind, case in (("Uniform", uniform), ("Normal", truncated_normal)):
                yield case(
                    f"{author}{kind}_{len(shape)}d",
                    lambda k, name=author + kind: getattr(k.initializers, name)(seed=3),
                    shape,
                    variance,
                )


RANDOM = [
    *scaled(),
    uniform(
        "variance_scaling_uniform",
        lambda k: k.initializers.VarianceScaling(3.0, "fan_out", "uniform", seed=3),
        MATRIX,
        3.0 / 300,
    ),
    truncated_normal(
        "variance_scaling_average",
        lambda k: k.initializers.VarianceScaling(0.5, "fan_avg", seed=3),
        KERNEL,
        0.5 / 450,
    ),
    InitializerCase(
        "variance_scaling_untruncated",
        lambda k: k.initializers.VarianceScaling(
            distribution="untruncated_normal", seed=3
        ),
        MATRIX,
        mean=0.0,
        deviation=sqrt(1 / 200),
        kurtosis=NORMAL,
    ),
    InitializerCase(
        "random_normal",
        lambda k: k.initializers.RandomNormal(mean=0.5, stddev=0.2, seed=3),
        MATRIX,
        mean=0.5,
        deviation=0.2,
        kurtosis=NORMAL,
    ),
    InitializerCase(
        "truncated_normal",
        lambda k: k.initializers.TruncatedNormal(mean=-0.5, stddev=0.2, seed=3),
        MATRIX,
        mean=-0.5,
        deviation=0.2 * TRUNCATED_STDDEV,
        kurtosis=TRUNCATED,
        bound=0.4,
    ),
    InitializerCase(
        "random_uniform",
        lambda k: k.initializers.RandomUniform(-1.0, 3.0, seed=3),
        MATRIX,
        mean=1.0,
        deviation=4 / sqrt(12),
        kurtosis=UNIFORM,
        bound=2.0,
    ),
]

ORTHOGONAL = [
    SmallCase("orthogonal", lambda k: k.initializers.Orthogonal(seed=3)),
    SmallCase("orthogonal_gain", lambda k: k.initializers.Orthogonal(2.0, seed=3)),
]

INITIALIZERS = [*CONSTANT, *SPECTRAL, *RANDOM, *ORTHOGONAL]
