"""Models of user-defined classes, which create their variables in different ways.

Every case is a function of `k`, lamina or Keras, since such classes run in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.tables.arrays import floats, ints
from tests.tables.user_class_styles import adversarial, hooks, registered

ROWS = floats(16, 4, seed=31)
OTHERS = floats(16, 3, seed=32)
WORDS = ints(16, 3, below=7, seed=33)
TARGETS = floats(16, 2, seed=34)


class UserClassCase(NamedTuple):
    """A model, data to make its variables with, and who can restore it.

    Args:
        name: what it is called.
        make: the model, of lamina or Keras; nothing in it is built yet.
        x: the data.
        keras: whether Keras, too, can make, save and load it.
        compile: arguments of `compile`.
    """

    name: str
    make: Callable[[Any], Any]
    x: Any
    keras: bool = True
    compile: Any = {"optimizer": "adam", "loss": "mse"}  # noqa: RUF012


def weighted(k):
    @registered(k)
    class Weighted(k.layers.Layer):
        """Two inputs, each of which gives a weight its shape."""

        def build(self, left_shape, right_shape):
            self.left = self.add_weight((left_shape[-1], 2), name="left")
            self.right = self.add_weight((right_shape[-1], 2), name="right")

        def call(self, left, right):
            return k.ops.matmul(left, self.left) + k.ops.matmul(right, self.right)

    return Weighted


def two_inputs(k):
    left, right = k.Input((4,)), k.Input((3,))
    return k.Model([left, right], weighted(k)()(left, right))


def keyword_tensor(k):
    @registered(k)
    class Scaled(k.layers.Layer):
        """A weight whose shape comes from a tensor passed by its name."""

        def build(self, inputs_shape, scale_shape):
            self.kernel = self.add_weight((inputs_shape[-1], 2), name="kernel")
            self.factor = self.add_weight((scale_shape[-1], 2), name="factor")

        def call(self, inputs, *, scale):
            return k.ops.matmul(inputs, self.kernel) + k.ops.matmul(scale, self.factor)

    left, right = k.Input((4,)), k.Input((3,))
    return k.Model([left, right], Scaled()(left, scale=right))


def dictionary(k):
    @registered(k)
    class OfParts(k.layers.Layer):
        """A dictionary of tensors, and sublayers that only a call builds."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.parts = {"b": k.layers.Dense(2), "a": k.layers.Dense(2)}

        def call(self, inputs):
            return self.parts["a"](inputs["a"]) + self.parts["b"](inputs["b"])

    inputs = {"a": k.Input((4,), name="a"), "b": k.Input((3,), name="b")}
    return k.Model(inputs, OfParts()(inputs))


def nested_structure(k):
    @registered(k)
    class OfPairs(k.Model):
        """Lists in a dictionary, in a model without `build`."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = k.layers.Dense(2), k.layers.Dense(2)

        def call(self, inputs):
            one, other = inputs["pair"]
            return self.first(one) + self.second(other) * inputs["scale"]

    return OfPairs()


def lazy_sublayer(k):
    @registered(k)
    class Lazy(k.layers.Layer):
        """Sublayers that the first call makes."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = None

        def call(self, inputs):
            if self.inner is None:
                self.inner = k.layers.Dense(2, name="inner")
            return self.inner(inputs)

    return k.Sequential([k.Input((4,)), Lazy()])


def variable_in_call(k):
    @registered(k)
    class InCall(k.layers.Layer):
        """Variables that the first call makes."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.kernel = None

        def call(self, inputs):
            if self.kernel is None:
                shape = (inputs.shape[-1], 2)
                self.kernel = self.add_weight(shape, name="kernel")
            return k.ops.matmul(inputs, self.kernel)

    return k.Sequential([k.Input((4,)), InCall()])


def variable_in_init(k):
    @registered(k)
    class InInit(k.layers.Layer):
        """Variables that the constructor makes."""

        def __init__(self, size=4, **kwargs):
            super().__init__(**kwargs)
            self.size = size
            self.kernel = self.add_weight((size, 2), name="kernel")
            self.bias = self.add_weight((2,), "zeros", name="bias")

        def call(self, inputs):
            return k.ops.matmul(inputs, self.kernel) + self.bias

        def get_config(self):
            return {**super().get_config(), "size": self.size}

    return k.Sequential([k.Input((4,)), InInit()])


def other_types(k):
    @registered(k)
    class Halves(k.layers.Layer):
        """Variables and sublayers of several types."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.half = k.layers.Dense(3, dtype="mixed_bfloat16")
            self.low = k.layers.Dense(2, dtype="bfloat16")

        def build(self, input_shape):
            self.scale = self.add_weight((4,), "ones", dtype="float16", name="scale")
            self.half.build(input_shape)
            self.low.build((*input_shape[:-1], 3))

        def call(self, inputs):
            scaled = inputs * k.ops.cast(self.scale, "float32")
            return k.ops.cast(self.low(self.half(scaled)), "float32")

    return k.Sequential([k.Input((4,)), Halves()])


def nested(k):
    @registered(k)
    class Inner(k.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.dense = k.layers.Dense(units, activation="tanh")

        def call(self, inputs):
            return self.dense(inputs)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @registered(k)
    class Outer(k.layers.Layer):
        """Layers of the user's in layers of the user's."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.blocks = [Inner(n) for n in (3, 5)]
            self.last = Inner(2)

        def call(self, inputs):
            for block in self.blocks:
                inputs = block(inputs)
            return self.last(inputs)

    return k.Sequential([k.Input((4,)), Outer()])


def subclassed(k):
    @registered(k)
    class TwoTowers(k.Model):
        """A model without `build`, whose call takes two tensors."""

        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            # Before a normalisation, a bias would learn from nothing but rounding.
            self.towers = {
                n: k.layers.Dense(units, use_bias=False) for n in ("left", "right")
            }
            self.norm = k.layers.BatchNormalization()
            self.out = k.layers.Dense(2)

        def call(self, inputs, training=None):
            left, right = inputs
            both = self.towers["left"](left) + self.towers["right"](right)
            return self.out(self.norm(both, training=training))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return TwoTowers()


def containers(k):
    @registered(k)
    class Branches(k.layers.Layer):
        """Lists, lists in lists and dictionaries of layers, and lists of weights."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.rows = [[k.layers.Dense(3), k.layers.Dense(2)], [k.layers.Dense(2)]]
            self.named = {"z": k.layers.Dense(2), "a": k.layers.Dense(2)}

        def build(self, input_shape):
            self.scales = [
                self.add_weight((2,), "ones", name=f"scale_{i}") for i in range(2)
            ]
            self.rows[0][0].build(input_shape)
            self.rows[0][1].build((*input_shape[:-1], 3))
            self.rows[1][0].build(input_shape)
            for layer in self.named.values():
                layer.build(input_shape)

        def call(self, inputs):
            first = self.rows[0][1](self.rows[0][0](inputs)) * self.scales[0]
            second = self.rows[1][0](inputs) * self.scales[1]
            return first + second + self.named["a"](inputs) - self.named["z"](inputs)

    return k.Sequential([k.Input((4,)), Branches()])


def counter(k):
    @registered(k)
    class Counting(k.layers.Layer):
        """An integer that training counts up, and no gradient changes."""

        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], 2), name="kernel")
            self.seen = self.add_weight(
                (), "zeros", dtype="int32", trainable=False, name="seen"
            )

        def call(self, inputs, training=None):
            if training:
                self.seen.assign(self.seen + 1)
            rate = 1 / (1 + k.ops.cast(self.seen, "float32"))
            return k.ops.matmul(inputs, self.kernel) * (1 + rate)

    return k.Sequential([k.Input((4,)), Counting()])


def wrapped(k):
    @registered(k)
    class Cell(k.layers.Layer):
        """A step over time, and a layer for rows."""

        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units
            self.dense = k.layers.Dense(units)

        def build(self, input_shape):
            self.dense.build(input_shape)

        def call(self, inputs, states=None):
            if states is None:
                return self.dense(inputs)
            new = k.ops.tanh(self.dense(inputs) + states[0])
            return new, [new]

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self.units)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @registered(k)
    class Twice(k.layers.Layer):
        """A wrapper of the user's."""

        def __init__(self, layer, **kwargs):
            super().__init__(**kwargs)
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs) * 2

        def compute_output_shape(self, input_shape):
            return self.layer.compute_output_shape(input_shape)

        def get_config(self):
            layer = k.saving.serialize_keras_object(self.layer)
            return {**super().get_config(), "layer": layer}

        @classmethod
        def from_config(cls, config):
            layer = k.saving.deserialize_keras_object(config.pop("layer"))
            return cls(layer, **config)

    x = k.Input((4,))
    steps = k.layers.Reshape((2, 2))(x)
    each = k.layers.TimeDistributed(Twice(Cell(3)))(steps)
    return k.Model(x, Twice(k.layers.RNN(Cell()))(each))


def whole_numbers(k):
    @registered(k)
    class Tagger(k.Model):
        """Model of integer inputs."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.out = k.layers.Dense(2)

        def call(self, inputs):
            return self.out(k.ops.mean(k.ops.one_hot(inputs, 7), axis=1))

    return Tagger()


def unnamed(k):
    @registered(k)
    class Unnamed(k.layers.Layer):
        """Weights without names, the second of which is not trained."""

        def build(self, input_shape):
            self.a = self.add_weight((input_shape[-1], 2))
            self.b = self.add_weight((2,), "ones", trainable=False)
            self.c = self.add_weight((2,), "ones")

        def call(self, inputs):
            return k.ops.matmul(inputs, self.a) * self.b + self.c

    return k.Sequential([k.Input((4,)), Unnamed(), k.layers.Dense(2)])


def grown(k):
    @registered(k)
    class Memory(k.layers.Layer):
        """A weight that neither `build` nor `call` makes."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = None

        def grow(self, size):
            self.table = self.add_weight((size, 2), name="table")
            return self

        def call(self, inputs):
            if self.table is None:
                raise ValueError("Call `grow` first.")
            return k.ops.matmul(inputs, self.table)

    @registered(k)
    class Remembering(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.memory, self.out = Memory(), k.layers.Dense(2)

        def call(self, inputs):
            return self.out(self.memory(inputs))

    model = Remembering()
    model.memory.grow(4)
    return model


def teacher(k):
    @registered(k)
    class Distilled(k.Model):
        """Model with weights and a second model that no call uses."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.student = k.layers.Dense(2)
            self.teacher = k.Sequential([k.Input((4,)), k.layers.Dense(2)])
            self.teacher.trainable = False
            self.temperature = self.add_weight((), "ones", name="temperature")

        def call(self, inputs):
            return self.student(inputs) / self.temperature

    return Distilled()


USER_CLASSES = [
    UserClassCase("two_inputs", two_inputs, [ROWS, OTHERS]),
    UserClassCase("keyword_tensor", keyword_tensor, [ROWS, OTHERS]),
    UserClassCase("dictionary", dictionary, {"a": ROWS, "b": OTHERS}),
    UserClassCase("nested_structure", nested_structure,
            {"pair": [ROWS, OTHERS], "scale": ROWS[:, :1]}),
    UserClassCase("lazy_sublayer", lazy_sublayer, ROWS, keras=False),
    UserClassCase("variable_in_call", variable_in_call, ROWS, keras=False),
    UserClassCase("variable_in_init", variable_in_init, ROWS),
    UserClassCase("other_types", other_types, ROWS),
    UserClassCase("nested", nested, ROWS),
    UserClassCase("subclassed", subclassed, [ROWS, OTHERS]),
    UserClassCase("containers", containers, ROWS),
    UserClassCase("counter", counter, ROWS),
    UserClassCase("wrapped", wrapped, ROWS),
    UserClassCase("whole_numbers", whole_numbers, WORDS),
    UserClassCase("unnamed", unnamed, ROWS),
    UserClassCase("grown", grown, ROWS, keras=False),
    UserClassCase("teacher", teacher, ROWS),
    UserClassCase("hooks", hooks, ROWS, compile={"optimizer": "adam", "share": 0.25}),
    UserClassCase("adversarial", adversarial, ROWS, keras=False,
            compile={"maker_optimizer": "adam", "judge_optimizer": "rmsprop"}),
]  # fmt: skip
