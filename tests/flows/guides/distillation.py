"""A small network learns from a large one, by an own `compute_loss`."""

import numpy as np

import lamina as keras
from lamina import layers, ops


class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def compile(self, optimizer, metrics, student_loss_fn, distillation_loss_fn):
        super().compile(optimizer=optimizer, metrics=metrics)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        teacher_pred = self.teacher(x, training=False)
        student_loss = self.student_loss_fn(y, y_pred)
        distillation_loss = self.distillation_loss_fn(
            ops.softmax(teacher_pred / 10, axis=1), ops.softmax(y_pred / 10, axis=1)
        )
        return 0.1 * student_loss + 90 * distillation_loss

    def call(self, x):
        return self.student(x)


def network(units, name):
    hidden = layers.Dense(units, activation="relu")
    return keras.Sequential([keras.Input((64,)), hidden, layers.Dense(10)], name=name)


(x, y), (x_test, y_test) = keras.datasets.digits.load_data()
x, x_test = (images.reshape(-1, 64) / np.float32(16) for images in (x, x_test))
from_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
teacher, student = network(64, "teacher"), network(8, "student")
teacher.compile("adam", from_logits, metrics=["accuracy"])
teacher.fit(x, y, epochs=15, verbose=0)
before = teacher.get_weights()
teacher.trainable = False

distiller = Distiller(student=student, teacher=teacher)
distiller.compile(
    optimizer=keras.optimizers.Adam(0.01),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
    student_loss_fn=from_logits,
    distillation_loss_fn=keras.losses.KLDivergence(),
)
distiller.fit(x, y, epochs=15, verbose=0)
found = distiller.evaluate(x_test, y_test, verbose=0, return_dict=True)
assert found["sparse_categorical_accuracy"] > 0.85
for old, new in zip(before, teacher.get_weights(), strict=True):
    np.testing.assert_array_equal(old, new)
