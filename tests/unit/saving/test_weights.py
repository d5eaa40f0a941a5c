"""Weights that a file has or lacks for a model."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.saving import LoadReport, register_keras_serializable


def stack(*units: int, name: str = "dense") -> lamina.Sequential:
    made = [layers.Dense(n, name=f"{name}_{i}") for i, n in enumerate(units)]
    return lamina.Sequential([layers.Input((4,)), *made])


@pytest.fixture
def weights(tmp_path):
    """A file of two layers of three units."""
    model = stack(3, 3)
    model.save_weights(tmp_path / "w.weights.h5")
    return tmp_path / "w.weights.h5"


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".safetensors"])
def test_weights_of_unbuilt_model_are_not_saved(ending, tmp_path):
    model = lamina.Sequential([layers.Dense(3)])
    with pytest.raises(StateError, match=r"call `model.build\(input_shape\)`"):
        model.save_weights(tmp_path / f"w{ending}")
    assert list(tmp_path.iterdir()) == []
    model.build((None, 4))
    model.save_weights(tmp_path / f"w{ending}")
    assert model.load_weights(tmp_path / f"w{ending}").missing == []


def test_report_says_that_all_was_loaded(weights):
    report = stack(3, 3).load_weights(weights)
    assert isinstance(report, LoadReport)
    assert repr(report) == "4 variables loaded, all that model and file have"
    assert report.loaded[0].endswith("dense_0/kernel") and report.missing == []


def test_a_mismatch_is_one_table_and_changes_nothing(weights):
    model = stack(3, 5, 3)
    before = model.get_weights()
    with pytest.raises(FileFormatError) as caught:
        model.load_weights(weights)
    table = [line.split("  ") for line in str(caught.value).splitlines()[1:]]
    table = [[part.strip() for part in row if part] for row in table]
    assert table[0] == ["variable", "model", "file", "what"]
    assert [row[1:] for row in table[1:]] == [
        ["(3, 5)", "(3, 3)", "wrong shape"],
        ["(5,)", "(3,)", "wrong shape"],
        ["(5, 3)", "-", "missing in the file"],
        ["(3,)", "-", "missing in the file"],
    ]
    assert "skip_mismatch=True" in str(caught.value)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_strict_false_allows_missing_and_unexpected(weights):
    for model, missing, unexpected in ((stack(3), 0, 2), (stack(3, 3, 3), 2, 0)):
        with pytest.raises(FileFormatError, match="missing|unexpected"):
            model.load_weights(weights)
        report = model.load_weights(weights, strict=False)
        assert (len(report.missing), len(report.unexpected)) == (missing, unexpected)
    with pytest.raises(FileFormatError, match="wrong shape"):
        stack(3, 5).load_weights(weights, strict=False)


def test_skip_mismatch_leaves_mismatches_unchanged(weights):
    source, model = stack(3, 3), stack(3, 5)
    source.load_weights(weights)
    second = model.layers[1].get_weights()
    report = model.load_weights(weights, skip_mismatch=True)
    assert len(report.wrong_shape) == 2 and len(report.loaded) == 2
    assert repr(report).startswith("2 variables loaded, 2 not:\n  variable")
    for one, other in zip(
        [*source.layers[0].get_weights(), *second], model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_part_of_a_layer_can_be_loaded(tmp_path):
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(3, use_bias=False)])
    model.save_weights(tmp_path / "w.weights.h5")
    with_bias = stack(3)
    report = with_bias.load_weights(tmp_path / "w.weights.h5", strict=False)
    assert len(report.loaded) == 1 and report.missing[0].endswith("bias")
    np.testing.assert_array_equal(with_bias.get_weights()[0], model.get_weights()[0])


def test_layers_to_skip_are_neither_saved_nor_loaded(tmp_path):
    """A file of a head does not have the weights of the model below it."""

    def classifier() -> tuple[lamina.Sequential, lamina.Sequential]:
        backbone = stack(3, 2)
        return backbone, lamina.Sequential([backbone, layers.Dense(1)])

    backbone, model = classifier()
    skipped = [backbone, *backbone.layers]
    path = tmp_path / "head.weights.h5"
    lamina.saving.save_weights(model, path, objects_to_skip=skipped)
    backbone, other = classifier()
    before = backbone.get_weights()
    with pytest.raises(FileFormatError, match="missing in the file"):
        lamina.saving.load_weights(other, path)
    skipped = [backbone, *backbone.layers]
    report = lamina.saving.load_weights(other, path, objects_to_skip=skipped)
    assert len(report.loaded) == 2 and not report.mismatches
    for old, now in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    head = [m.layers[-1].get_weights()[0] for m in (model, other)]
    np.testing.assert_array_equal(*head)
    with pytest.raises(ArgumentError, match="is for `.weights.h5` files"):
        lamina.saving.save_weights(model, "w.safetensors", objects_to_skip=skipped)


def test_long_tables_are_truncated(tmp_path):
    stack(*[3] * 30).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(FileFormatError, match="and 40 more"):
        stack(*[5] * 30).load_weights(tmp_path / "w.weights.h5")


# Custom layers are built for the shapes that the file records, not by guessing.


@register_keras_serializable()
class Block(layers.Layer):
    """Sublayers, and no `build`: what they see only a call tells."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = layers.Dense(units), layers.Dense(units)

    def call(self, inputs, extra=None):
        return self.first(inputs) + self.second(inputs if extra is None else extra)


@register_keras_serializable()
class TwoInputs(lamina.Model):
    """A model whose second input decides the shape of a weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block, self.out = Block(3), layers.Dense(1)

    def call(self, left, right=None, training=None):
        return self.out(self.block(left, right))


@register_keras_serializable()
class Named(lamina.Model):
    """A model of a dictionary."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(2)

    def call(self, inputs):
        return self.out(inputs["a"]) * inputs["b"]


@register_keras_serializable()
class InCall(layers.Layer):
    """A weight that is made when the layer is first called."""

    def call(self, inputs):
        if not hasattr(self, "scale"):
            self.scale = self.add_weight((inputs.shape[-1],), "ones", name="scale")
        return inputs * self.scale


@register_keras_serializable()
class Adversary(lamina.Model):
    """A model without `call`, whose parts are built by whoever trains them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.judge, self.maker = layers.Dense(1), layers.Dense(4)


def adversary():
    model = Adversary()
    model.judge.build((None, 4))
    model.maker.build((None, 2))
    return model


FIVE, SEVEN = np.ones((2, 5), "f4"), np.ones((2, 7), "f4")
CUSTOM = {
    "two_inputs": (TwoInputs, (FIVE, SEVEN)),
    "one_of_two_inputs": (TwoInputs, (FIVE,)),
    "dictionary": (Named, ({"a": FIVE, "b": np.ones((2, 2), "f4")},)),
    "stack": (lambda: lamina.Sequential([Block(3), InCall()]), (FIVE,)),
    "graph": (lambda: lamina.Model(x := lamina.Input((5,)), Block(3)(x)), (FIVE,)),
}


@pytest.mark.parametrize("name", CUSTOM)
def test_custom_layers_are_restored_with_weights(name, tmp_path):
    make, arguments = CUSTOM[name]
    model = make()
    model(*arguments)
    model.set_weights([w + 0.5 for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    again = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(*arguments), model(*arguments))


def test_model_that_was_never_called_is_restored(tmp_path):
    model = adversary()
    model.save(tmp_path / "model.keras")
    again = lamina.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_layer_in_two_models_is_one_layer_again(tmp_path):
    x, y = lamina.Input((4,)), lamina.Input((4,))
    shared = layers.Dense(4)
    inner = lamina.Model(x, shared(shared(x)))
    inner.compile("adam", "mse")
    model = lamina.Model([x, y], [inner(x), shared(y)])
    model.save(tmp_path / "model.keras")
    again = lamina.models.load_model(tmp_path / "model.keras")
    assert len(again.weights) == 2
    data = [np.ones((2, 4), "f4"), np.full((2, 4), 2, "f4")]
    for one, other in zip(model(data), again(data), strict=True):
        np.testing.assert_array_equal(one, other)


def test_invalid_key_of_save_own_variables_raises(tmp_path):
    class Odd(layers.Identity):
        def save_own_variables(self, store):
            store["a/b"] = np.ones(3)

    model = lamina.Sequential([layers.Input((3,)), Odd()])
    with pytest.raises(ArgumentError, match="without '/'"):
        model.save(tmp_path / "model.keras")


def test_state_created_by_a_layer_is_restored(tmp_path):
    @register_keras_serializable()
    class Counts(layers.Layer):
        seen = 0

        def call(self, inputs):
            return inputs

        def save_own_variables(self, store):
            store["seen"] = np.int64(self.seen)

        def load_own_variables(self, store):
            self.seen = int(store["seen"])

    model = lamina.Sequential([layers.Input((3,)), Counts()])
    model.layers[0].seen = 7
    model.save(tmp_path / "model.keras")
    assert lamina.models.load_model(tmp_path / "model.keras").layers[0].seen == 7
