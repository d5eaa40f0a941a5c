"""Seeds, configs and array values of initializers."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import initializers, layers
from lamina.core.module import Module
from lamina.core.random.seeds import SeedGenerator, set_seed
from lamina.core.registry import Registry
from lamina.errors import ArgumentError, ShapeError, UnknownNameError
from tests.events import LOWERING, recorded_events

RANDOM = [
    initializers.GlorotNormal, initializers.GlorotUniform, initializers.HeNormal,
    initializers.HeUniform, initializers.LecunNormal, initializers.LecunUniform,
    initializers.Orthogonal, initializers.RandomNormal, initializers.RandomUniform,
    initializers.TruncatedNormal, initializers.VarianceScaling,
]  # fmt: skip
FIXED = [
    initializers.Constant(0.5), initializers.Identity(2.0), initializers.Ones(),
    initializers.Zeros(),
]  # fmt: skip


@pytest.mark.parametrize("cls", RANDOM)
def test_seeded_calls_repeat_values(cls):
    initializer = cls(seed=5)
    np.testing.assert_array_equal(initializer((3, 4)), initializer((3, 4)))
    np.testing.assert_array_equal(initializer((3, 4)), cls(seed=5)((3, 4)))
    assert not np.array_equal(initializer((3, 4)), cls(seed=6)((3, 4)))


@pytest.mark.parametrize("cls", RANDOM)
def test_unseeded_objects_have_different_seeds(cls):
    set_seed(3)
    one, other = cls()((3, 4)), cls()((3, 4))
    assert not np.array_equal(one, other)
    set_seed(3)
    np.testing.assert_array_equal(cls()((3, 4)), one)


def test_seed_generator_gives_new_values_at_every_call():
    initializer = initializers.GlorotUniform(seed=SeedGenerator(1))
    assert not np.array_equal(initializer((3, 4)), initializer((3, 4)))


def test_seed_generator_is_not_tracked_as_a_weight():
    owner = Module()
    owner.initializer = initializers.HeNormal(seed=SeedGenerator(1))
    assert owner.all_variables() == []


def test_seed_generator_is_restored_from_the_config():
    initializer = initializers.HeNormal(seed=SeedGenerator(3))
    restored = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(restored((3, 4)), initializer((3, 4)))


def test_values_equal_jax_for_the_seed():
    key = np.array([1337, 0], np.uint32)
    limit = np.sqrt(6 / 7)
    expected = jax.random.uniform(key, (3, 4), "float32", -limit, limit)
    got = initializers.GlorotUniform(seed=1337)((3, 4))
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    expected = 0.2 * jax.random.normal(key, (50,)) + 1
    got = initializers.RandomNormal(1.0, 0.2, seed=1337)((50,))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(200,), (20, 30), (3, 3, 20, 30)])
def test_fans_follow_the_kernel_shape(shape):
    window = int(np.prod(shape[:-2]))
    fan_in, fan_out = (window * n for n in (shape * 2)[-2:])
    bounds = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    for mode, n in bounds.items():
        draw = initializers.VarianceScaling(2.0, mode, "uniform", seed=1)(shape)
        limit = np.sqrt(6 / n)
        assert 0.95 * limit < abs(draw).max() <= limit


def test_fan_axes_can_be_chosen():
    named = initializers.HeUniform(seed=1, input_axes=[0, 2], output_axes=[1])
    plain = initializers.HeUniform(seed=1)
    np.testing.assert_array_equal(named((4, 5, 6)).ravel(), plain((24, 5)).ravel())


@pytest.mark.parametrize("initializer", [*FIXED, *(cls(seed=1) for cls in RANDOM)])
def test_config_round_trip(initializer):
    config = json.loads(json.dumps(initializers.serialize(initializer)))
    assert config["module"] == "keras.initializers"
    restored = initializers.deserialize(config)
    assert type(restored) is type(initializer)
    np.testing.assert_array_equal(restored((4, 4)), initializer((4, 4)))
    clone = initializer.clone()
    np.testing.assert_array_equal(clone((4, 4)), initializer((4, 4)))


def test_configs_contain_every_argument():
    assert initializers.RandomNormal().get_config() == {
        "mean": 0.0, "stddev": 0.05, "seed": None,
    }  # fmt: skip
    assert set(initializers.HeNormal().get_config()) == {
        "seed", "input_axes", "output_axes",
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32"])
def test_values_have_the_requested_dtype(dtype):
    for initializer in (initializers.Ones(), initializers.RandomUniform(0, 9, seed=1)):
        assert initializer((3,), dtype).dtype == dtype


def test_get_accepts_names_configs_classes_and_objects():
    for name, cls in [
        ("glorot_uniform", initializers.GlorotUniform),
        ("HeNormal", initializers.HeNormal),
        ("zeros", initializers.Zeros),
        ("normal", initializers.RandomNormal),
        ("IdentityInitializer", initializers.Identity),
        (initializers.Ones, initializers.Ones),
        ({"class_name": "Identity", "config": {}}, initializers.Identity),
    ]:
        assert type(initializers.get(name)) is cls
    assert initializers.get(None) is None
    assert initializers.get(jnp.zeros) is jnp.zeros
    with pytest.raises(UnknownNameError, match="Did you mean 'glorot_normal'"):
        initializers.get("glorot_norml")
    with pytest.raises(ArgumentError, match="Cannot interpret 3 as an initializer"):
        initializers.get(3)


def test_config_without_module_is_an_initializer():
    other = Registry("other", "test.others")
    other.add(type("Identity", (Module,), {}))
    assert type(initializers.get({"class_name": "Identity", "config": {}})) is (
        initializers.Identity
    )


def test_arrays_become_constants():
    values = np.arange(6.0).reshape(2, 3)
    for array in (values, jnp.asarray(values)):
        initializer = initializers.get(array)
        np.testing.assert_array_equal(initializer((2, 3)), values)
        restored = initializers.deserialize(initializers.serialize(initializer))
        np.testing.assert_array_equal(restored((2, 3)), values)
    with pytest.raises(ShapeError, match=r"values of shape \(2, 3\) do not broadcast"):
        initializer((3, 2))


def test_orthogonal_needs_two_axes():
    with pytest.raises(ShapeError, match="fewer than two axes"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ShapeError, match="not a matrix"):
        initializers.Identity()((3, 3, 3))


@pytest.mark.parametrize("side, part", [("real", np.real), ("imag", np.imag)])
def test_stft_equals_the_fourier_transform(side, part):
    signal = np.random.RandomState(0).normal(size=16)
    kernel = np.asarray(initializers.STFT(side, None)((16, 1, 9)))
    transform = part(np.fft.rfft(signal))
    np.testing.assert_allclose(signal @ kernel[:, 0], transform, atol=1e-5)


@pytest.mark.parametrize(
    "name, values",
    [
        ("hann", np.hanning(16)),
        ("hamming", np.hamming(16)),
        ("blackman", np.blackman(16)),
        ("bartlett", np.bartlett(16)),
    ],
)
def test_stft_windows_have_known_values(name, values):
    for scaling, norm in [("density", 2), ("spectrum", 1)]:
        kernel = initializers.STFT("real", name, scaling)((16, 1, 9))
        expected = values / np.linalg.norm(values, norm)
        np.testing.assert_allclose(kernel[:, 0, 0], expected, atol=1e-6)
    periodic = initializers.STFT("real", name, None, periodic=True)((15, 1, 9))
    np.testing.assert_allclose(periodic[:, 0, 0], values[:-1], atol=1e-6)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", ["tukey", "blackmanharris", "nuttall", "flattop"])
def test_stft_windows_equal_scipy(name, periodic):
    signal = pytest.importorskip("scipy.signal")
    kernel = initializers.STFT("real", name, None, periodic)((16, 1, 9))
    expected = signal.get_window(name, 16, fftbins=periodic)
    np.testing.assert_allclose(kernel[:, 0, 0], expected, atol=1e-6)


def test_stft_refuses_unknown_and_mismatched_windows():
    with pytest.raises(ArgumentError, match="unknown window 'han'"):
        initializers.STFT(window="han")
    with pytest.raises(ShapeError, match="does not fit a kernel of length 16"):
        initializers.STFT(window=np.ones(4))((16, 1, 9))


@pytest.mark.parametrize("kind", [layers.Dense, layers.GRU, layers.LSTM])
def test_initial_weights_compile_nothing(kind):
    with recorded_events(LOWERING) as lowered:
        # No other test has these sizes, so that nothing was compiled before.
        kind(37).build((None, 5, 23))
        while_building = len(lowered)
        jax.jit(lambda x: x + 37)(np.ones(23)).block_until_ready()
    assert while_building == 0
    assert lowered, "the listener received no event"


def test_constant_copies_its_array():
    buffer = np.zeros(16 * 9, np.uint8)
    start = -buffer.ctypes.data % 64  # JAX shares memory with this alignment
    values = buffer[start : start + 64].view(np.float32)
    weights = initializers.Constant(values)((16,))
    values[:] = 1
    assert not weights.any()
