"""Learning from data in every form that `adapt` takes."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.errors import ArgumentError, DataError, ShapeError, StateError
from tests.tables.arrays import floats

DATA = floats(31, 3, low=-4, high=9).astype("float64")


class Sequence:
    """Batches by number, as a `PyDataset` gives them."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return DATA[8 * i : 8 * i + 8], np.zeros(8)


def batches():
    yield from (DATA[:1], DATA[1:30], DATA[30:])


FORMS = {
    "array": lambda: DATA,
    "lists": lambda: DATA.tolist(),
    "list_of_batches": lambda: list(batches()),
    "generator": batches,
    "pairs": lambda: ((x, x[:, 0]) for x in batches()),
    "by_number": Sequence,
}


@pytest.mark.parametrize("form", FORMS)
def test_normalization_finds_mean_and_variance(form):
    layer = layers.Normalization()
    layer.adapt(FORMS[form]())
    y = np.asarray(layer(DATA))
    np.testing.assert_allclose(y, (DATA - DATA.mean(0)) / DATA.std(0), atol=1e-5)


def test_statistics_of_large_offsets_are_exact():
    x = DATA + 1e6
    layer = layers.Normalization()
    layer.adapt([x[:10], x[10:]])
    np.testing.assert_allclose(layer.adapt_variance.numpy(), DATA.var(0), rtol=1e-5)


def test_inverting_undoes():
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    there.adapt(DATA)
    back.adapt(DATA)
    np.testing.assert_allclose(back(there(DATA)), DATA, rtol=1e-5)


def test_a_constant_column_gives_zeros():
    layer = layers.Normalization()
    layer.adapt(np.full((5, 1), 7.0))
    np.testing.assert_array_equal(layer(np.full((2, 1), 7.0)), [[0.0], [0.0]])


def test_normalization_refuses_invalid_data_and_arguments():
    with pytest.raises(DataError, match="no values"):
        layers.Normalization().adapt(iter(()))
    with pytest.raises(DataError, match="no values"):
        layers.Normalization(axis=None).adapt([])
    with pytest.raises(ShapeError, match="axis=None"):
        layers.Normalization().adapt(np.ones(5))
    with pytest.raises(StateError, match="nothing to compute"):
        layers.Normalization(mean=1.0, variance=2.0).adapt(DATA)
    with pytest.raises(ArgumentError, match="together"):
        layers.Normalization(mean=1.0)
    layer = layers.Normalization()
    layer.adapt(DATA)
    with pytest.raises(ShapeError, match="31, 2"):
        layer.adapt(DATA[:, :2])


@pytest.mark.parametrize("cut", [False, True])
def test_discretization_makes_equal_bins(cut):
    x = np.random.default_rng(0).exponential(size=4000)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(np.split(x, 8) if cut else x)
    fractions = np.bincount(np.asarray(layer(x))) / len(x)
    np.testing.assert_allclose(fractions, 0.25, atol=0.02)


def test_boundaries_may_descend():
    x = np.array([0.0, 1.0, 1.5, 3.0, 4.0])
    bins = layers.Discretization([3.0, 1.0])(x)
    assert np.array_equal(bins, np.digitize(x, [3.0, 1.0]))


def test_discretization_survives_its_config():
    layer = layers.Discretization(num_bins=3, output_mode="one_hot")
    layer.adapt(DATA)
    copy = layers.Discretization.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(DATA[:, 0]), layer(DATA[:, 0]))


def test_discretization_refuses_invalid_arguments():
    with pytest.raises(ArgumentError, match="either"):
        layers.Discretization()
    with pytest.raises(StateError, match="adapt"):
        layers.Discretization(num_bins=3)(DATA)
    with pytest.raises(StateError, match="num_bins"):
        layers.Discretization([1.0]).adapt(DATA)


def test_a_frame_is_an_input():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(DATA, columns=list("abc"))
    layer = layers.Normalization()
    layer.adapt(frame)
    np.testing.assert_array_equal(layer(frame), layer(DATA))


def test_summaries_of_batches_add_up():
    layer, twin = (layers.Discretization(num_bins=4) for _ in range(2))
    layer.update_state([100.0])
    layer.reset_state()
    for batch in np.split(np.arange(8.0), 2):
        layer.update_state(batch)
    layer.finalize_state()
    twin.adapt(list(np.split(np.arange(8.0), 2)))
    assert layer.bin_boundaries == twin.bin_boundaries
    given = layers.Discretization([1.0, 2.0])
    given.finalize_state()
    assert given.bin_boundaries == [1.0, 2.0]


def test_discretization_has_types_of_its_input_and_output():
    assert layers.Discretization([1.0]).input_dtype == "float32"
    assert layers.Discretization([1.0]).output_dtype == "int32"
    layer = layers.Discretization([1.0], output_mode="count", dtype="float16")
    assert layer.output_dtype == "float16"


def test_finalize_without_batches_keeps_mean_and_variance():
    layer = layers.Normalization()
    layer.adapt(DATA)
    before = layer.get_weights()
    layer.finalize_state()
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
