"""`tf.Module`, against TensorFlow."""

from __future__ import annotations


def test_module_finds_its_variables():
    import tensorflow as tf

    class Linear(tf.Module):
        def __init__(self):
            super().__init__(name="linear")
            self.w = tf.Variable(2.0)
            self.b = tf.Variable(1.0, trainable=False)

        @tf.function
        def __call__(self, x):
            return self.w * x + self.b

    module = Linear()
    assert float(module(tf.constant(3.0))) == 7.0
    module.w.assign(4.0)
    assert float(module(tf.constant(3.0))) == 13.0
    assert len(module.variables) == 2 and len(module.trainable_variables) == 1


def test_contents_of_a_module_are_in_the_order_of_its_attributes():
    import tensorflow as tf

    class TwoParts(tf.Module):
        def __init__(self, name=None):
            super().__init__(name)
            self.z, self.a = tf.Variable(1.0), tf.Variable(2.0)
            self.list = [tf.Variable(3.0)]
            self.frozen = tf.Variable(4.0, trainable=False)

        @tf.Module.with_name_scope
        def total(self):
            return sum(float(v) for v in self.variables)

    class Whole(tf.Module):
        def __init__(self):
            super().__init__()
            self.part = TwoParts()
            self.b = tf.Variable(9.0)
            self.others = [TwoParts("first"), self.part]
            self.itself = self

    whole = Whole()
    part = [2, 4, 3, 1]
    assert [float(v) for v in whole.variables] == [9, *part, *part]
    assert [float(v) for v in whole.part.trainable_variables] == [2, 3, 1]
    assert [m.name for m in whole.submodules] == ["first", "two_parts"]
    assert whole.name == "whole" and whole.part.total() == 10
