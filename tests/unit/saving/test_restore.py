"""The variables of a restored model must match those that the file records."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import FileFormatError
from lamina.layers.base.call_spec import CallSpec
from lamina.saving import register_keras_serializable

X, Y = np.ones((8, 2), "f4"), np.ones((8, 2), "f4")


def scaled(*weights, dtype="float32", **options):
    """A registered class of layers that makes these weights, in this order."""

    @register_keras_serializable()
    class Scaled(layers.Layer):
        def build(self, input_shape):
            for i, name in enumerate(weights):
                made = self.add_weight((2,), "ones", dtype=dtype, name=name, **options)
                setattr(self, name or f"own_{i}", made)

        def call(self, inputs):
            for weight in self.weights:
                inputs = inputs * lamina.ops.cast(weight, "float32")
            return inputs

    return Scaled


def model_of(cls):
    model = lamina.Sequential([lamina.Input((2,)), cls(name="own")])
    for i, weight in enumerate(model.weights):
        weight.assign([i + 1, i + 2])
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def test_weights_are_matched_by_name_in_any_order(path):
    model = model_of(scaled("a", "b", "c"))
    model.save(path)
    scaled("c", "a", "b")
    again = lamina.models.load_model(path)
    found = {w.name: w.numpy().tolist() for w in again.weights}
    assert found == {"a": [1, 2], "b": [2, 3], "c": [3, 4]}
    assert len(again.load_report.loaded) == 3 and not again.load_report.mismatches
    other = model_of(scaled("b", "c", "a"))
    other.load_weights(path)
    assert {w.name: w.numpy().tolist() for w in other.weights} == found


def test_unnamed_weights_are_matched_by_order(path):
    model_of(scaled(None, None)).save(path)
    scaled(None, None)
    again = lamina.models.load_model(path)
    assert [w.numpy().tolist() for w in again.weights] == [[1, 2], [2, 3]]


@pytest.mark.parametrize(
    ("now", "missing", "unexpected"),
    [
        (("a",), [], ["b"]),
        (("a", "b", "c"), ["c"], []),
        (("a", "c"), ["c"], ["b"]),
        ((), [], ["a", "b"]),
    ],
)
def test_changed_class_raises_table_of_mismatches(path, now, missing, unexpected):
    model_of(scaled("a", "b")).save(path)
    scaled(*now)
    with pytest.raises(FileFormatError, match=r"do not match the model's.*\n.*what"):
        lamina.models.load_model(path)
    for options in ({"strict": False}, {"skip_mismatch": True}):
        report = lamina.models.load_model(path, **options).load_report
        assert [p.rpartition("/")[2] for p in report.missing] == missing
        assert [p.rpartition("/")[2] for p in report.unexpected] == unexpected
        assert len(report.loaded) == 2 - len(unexpected)


def test_floats_are_not_loaded_into_integers(path):
    model_of(scaled("a")).save(path)
    scaled("a", dtype="int32", trainable=False)
    with pytest.raises(FileFormatError, match=r"\(2,\) int32 +\(2,\) float32 +wrong t"):
        lamina.models.load_model(path, strict=False)
    report = lamina.models.load_model(path, skip_mismatch=True).load_report
    assert report.wrong_type == ["own/a"] and not report.loaded


def test_other_float_types_are_cast(path):
    model_of(scaled("a")).save(path)
    scaled("a", dtype="bfloat16")
    again = lamina.models.load_model(path)
    assert again.weights[0].dtype == "bfloat16"
    np.testing.assert_array_equal(again.weights[0].numpy().astype("f4"), [1, 2])


def test_variable_made_in_call_keeps_regularizer_and_constraint(path):
    @register_keras_serializable()
    class Penalised(layers.Layer):
        def call(self, inputs):
            if not hasattr(self, "scale"):
                self.scale = self.add_weight(
                    inputs.shape[-1:], "ones", regularizer="l2", constraint="non_neg"
                )
            return inputs * self.scale

    @register_keras_serializable()
    class Holder(lamina.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Penalised()

        def call(self, inputs):
            return self.inner(inputs)

    model = Holder()
    model(X)
    model.save(path)
    again = lamina.models.load_model(path)
    assert float(again.losses[0]) == float(model.losses[0]) > 0
    assert again.inner.scale.constraint is not None


def test_call_that_cannot_be_replayed_is_reported(path):
    state = {"works": True}

    @register_keras_serializable()
    class Moody(lamina.Model):
        def call(self, inputs):
            if not state["works"]:
                raise ValueError("not today")
            if not hasattr(self, "out"):
                self.out = layers.Dense(2)
            return self.out(inputs)

    model = Moody()
    model(X)
    model.save(path)
    state["works"] = False
    with pytest.raises(FileFormatError, match="unexpected\n.*could not.*not today"):
        lamina.models.load_model(path)


def test_slots_are_assigned_to_their_weights(path):
    def pair(first, second):
        @register_keras_serializable()
        class Pair(lamina.Model):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                setattr(self, first, layers.Dense(2))
                setattr(self, second, layers.Dense(2))

            def call(self, inputs):
                return self.a(inputs) - 2 * self.b(inputs)

        return Pair()

    model = pair("a", "b")
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(path)
    pair("b", "a")
    again = lamina.models.load_model(path)
    for some in (model, again):
        some.fit(X, Y, epochs=3, verbose=0)
    for name in ("a", "b"):
        for one, other in zip(
            getattr(model, name).get_weights(),
            getattr(again, name).get_weights(),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_slots_follow_weights_created_in_another_order(path):
    model = model_of(scaled("a", "b"))
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(path)
    scaled("b", "a")
    again = lamina.models.load_model(path)
    for some in (model, again):
        some.fit(X, Y, epochs=3, verbose=0)
    found = {w.name: w.numpy() for w in again.weights}
    for weight in model.weights:
        np.testing.assert_allclose(found[weight.name], weight.numpy(), rtol=1e-6)


@pytest.mark.parametrize("now", [("new", "b", "a"), ("b",), ("new", "b")])
def test_slots_of_changed_class_are_matched_or_new(now, path):
    model = model_of(scaled("a", "b"))
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(path)
    slots = [v.numpy() for v in model.optimizer.variables[2:]]
    wanted = {"a": slots[:2], "b": slots[2:]}
    scaled(*now)
    again = lamina.models.load_model(path, skip_mismatch=True)
    order = [v.name for v in again.optimizer.changed_variables]
    assert set(order) == set(now)
    found = [v.numpy() for v in again.optimizer.variables[2:]]
    for i, name in enumerate(order):
        kept = wanted.get(name) if "a" in now else None
        for one, other in zip(found[2 * i :], kept or [np.zeros(2)] * 2, strict=False):
            np.testing.assert_array_equal(one, other)
    assert again.load_report.unexpected or again.load_report.missing
    again.fit(X, Y, verbose=0)


def test_class_can_load_state_of_its_earlier_version(path):
    model_of(scaled("a", "b")).save(path)

    @register_keras_serializable()
    class Scaled(layers.Layer):
        def build(self, input_shape):
            self.both = self.add_weight((2, 2), name="both")

        def call(self, inputs):
            return inputs * self.both[0] * self.both[1]

        def load_own_variables(self, store):
            if "1" not in store:
                raise KeyError("one weight is not enough")
            self.both.assign([store["0"], store["1"]])

    again = lamina.models.load_model(path)
    assert again.weights[0].numpy().tolist() == [[1, 2], [2, 3]]
    assert not again.load_report.mismatches
    model_of(scaled("a")).save(path)
    register_keras_serializable()(Scaled)
    with pytest.raises(FileFormatError, match="KeyError: .*one weight is not enough"):
        lamina.models.load_model(path)


@register_keras_serializable()
class Peak(lamina.metrics.Metric):
    """A metric with state of several types, which epochs don't begin anew."""

    def __init__(self, name="peak", **kwargs):
        super().__init__(name=name, **kwargs)
        self.peak = self.add_variable((), "zeros", name="peak")
        self.seen = self.add_variable((), "zeros", dtype="int32", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.peak.assign(lamina.ops.maximum(self.peak.value, lamina.ops.max(y_pred)))
        self.seen.assign(self.seen.value + 1)

    def result(self):
        return self.peak.value * 1.0

    def reset_state(self):
        pass

    def save_own_variables(self, store):
        store["peak"], store["seen"] = self.peak, self.seen

    def load_own_variables(self, store):
        self.peak.assign(store["peak"])
        self.seen.assign(store["seen"])


@register_keras_serializable()
class Growing(lamina.losses.Loss):
    """A loss with an argument of its own."""

    def __init__(self, power=2, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return lamina.ops.mean(abs(y_true - y_pred) ** self.power, axis=-1)


@register_keras_serializable()
class Remembering(lamina.optimizers.Optimizer):
    """A rule that remembers the last gradients, and a count for all variables."""

    def __init__(self, learning_rate=0.1, share=0.5, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.share = share

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.count = self.add_variable((), name="count")
            self.last = self.add_optimizer_variables(variables, "last")

    def update_step(self, gradient, variable, learning_rate):
        last = self.last[self._get_variable_index(variable)]
        mixed = self.share * last.value + (1 - self.share) * gradient
        self.assign(last, gradient)
        self.assign_add(self.count, 1.0)
        self.assign_sub(variable, learning_rate * mixed)


def test_user_defined_metric_loss_and_optimizer_resume(path):
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(2)])
    model.compile(Remembering(share=0.25), Growing(4), metrics=[Peak()])
    model.fit(X, Y, epochs=3, verbose=0)
    model.save(path)
    again = lamina.models.load_model(path)
    assert (again.optimizer.share, again.loss.power) == (0.25, 4)
    slots = [v.numpy() for v in model.optimizer.variables]
    assert len(slots) == 5
    for one, other in zip(slots, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    histories = [m.fit(X, Y, epochs=2, verbose=0).history for m in (model, again)]
    assert histories[0]["loss"] == histories[1]["loss"]


def test_metric_of_a_model_keeps_its_state(path):
    @register_keras_serializable()
    class Watched(lamina.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.out, self.peak = layers.Dense(2), Peak()

        def call(self, inputs):
            return self.out(inputs)

    model = Watched()
    model.peak.update_state(None, model(X) + 5)
    model.save(path)
    again = lamina.models.load_model(path)
    assert int(again.peak.seen) == 1
    assert float(again.peak.result()) == float(model.peak.result()) > 0


ARGUMENTS = [
    ((X,), {}),
    ((X, None), {"training": True, "rate": 0.5}),
    (({"b": X, "a": [X, (Y,)]},), {"mask": X > 0, "words": "text", "count": 3}),
]


@pytest.mark.parametrize(("args", "kwargs"), ARGUMENTS)
def test_call_spec_is_restored_from_its_config(args, kwargs):
    config = json.loads(json.dumps(CallSpec.of(args, kwargs).get_config()))
    again = CallSpec.from_config(config)
    assert again.get_config() == config

    def plain(value):
        return (value.shape, str(value.dtype)) if hasattr(value, "shape") else value

    found = jax.tree.map(plain, (again.args, again.kwargs))
    assert found == jax.tree.map(plain, (args, kwargs))


@pytest.mark.parametrize("value", [object(), {1: X}, np.array(["a"]), {X.dtype}])
def test_call_with_unserializable_argument_has_no_config(value):
    assert CallSpec.of((X,), {"how": value}).get_config() is None


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon", "rmsprop"])
def test_compiled_model_is_restored_before_its_first_step(
    tmp_path, optimizer, precision
):
    lamina.config.set_dtype_policy(precision)
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(2), layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.save(tmp_path / "m.keras")
    restored = lamina.saving.load_model(tmp_path / "m.keras")
    assert type(restored.optimizer) is type(model.optimizer)
    data = np.ones((4, 4)), np.ones((4, 1))
    expected = model.fit(*data, epochs=2, verbose=0, shuffle=False).history
    history = restored.fit(*data, epochs=2, verbose=0, shuffle=False).history
    assert history == expected


@register_keras_serializable("restored")
class HoldsItself(lamina.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(2)]
        self.blocks.append(self.blocks)

    def call(self, inputs):
        return self.blocks[0](inputs)


def test_container_that_holds_itself_is_saved_once(tmp_path):
    model, x = HoldsItself(), np.ones((2, 4), "float32")
    expected = model(x)
    model.save(tmp_path / "m.keras")
    restored = lamina.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(restored(x), expected)


def test_a_layer_may_load_a_file_of_its_own(path, tmp_path):
    """Each file has objects that come up twice, under numbers of its own."""

    def twice(*before):
        shared = layers.TimeDistributed(layers.Dense(3))
        return lamina.Sequential([layers.Input((2, 3)), *before, Pair([shared] * 2)])

    @register_keras_serializable()
    class Pair(layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, inputs):
            return self.inner[1](self.inner[0](inputs))

        def get_config(self):
            return {**super().get_config(), "inner": self.inner}

        @classmethod
        def from_config(cls, config):
            inner = lamina.saving.deserialize_keras_object(config.pop("inner"))
            return cls(inner, **config)

    @register_keras_serializable()
    class Backbone(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.model = lamina.models.load_model(tmp_path / "backbone.keras")

        def call(self, inputs):
            return self.model(inputs)

    twice().save(tmp_path / "backbone.keras")
    model = twice(layers.Dense(3), Backbone())
    model.save(path)
    again = lamina.models.load_model(path)
    x = np.ones((1, 2, 3), "f4")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    first, second = again.layers[-1].inner
    assert first is second and first is not again.layers[-2].model.layers[-1].inner[0]
