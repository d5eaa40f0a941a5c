"""User-defined classes with custom saving and compiling; see `user_classes.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def registered(k):
    """Return a decorator that registers a class for files."""
    return k.saving.register_keras_serializable("own")


def adversarial(k):
    @registered(k)
    class Adversarial(k.Model):
        """Model with two optimizers, each for a part of the weights."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.maker = k.Sequential([k.Input((4,)), k.layers.Dense(2)])
            self.judge = k.Sequential([k.Input((2,)), k.layers.Dense(1)])

        def compile(self, maker_optimizer, judge_optimizer, **kwargs):
            super().compile(**kwargs)
            self.maker_optimizer = k.optimizers.get(maker_optimizer)
            self.judge_optimizer = k.optimizers.get(judge_optimizer)

        def get_compile_config(self):
            names = ("maker_optimizer", "judge_optimizer")
            return {n: k.saving.serialize_keras_object(getattr(self, n)) for n in names}

        def compile_from_config(self, config):
            self.compile(**config)

        def call(self, inputs):
            return self.maker(inputs)

        def train_step(self, data):
            x, y = data

            def judged():
                return k.ops.mean((self.judge(self.maker(x)) - self.judge(y)) ** 2)

            loss, gradients = k.value_and_grad(judged, self.judge.trainable_variables)
            self.judge_optimizer.apply(gradients, self.judge.trainable_variables)

            def made():
                return k.ops.mean((self.maker(x) - y) ** 2) + judged()

            total, gradients = k.value_and_grad(made, self.maker.trainable_variables)
            self.maker_optimizer.apply(gradients, self.maker.trainable_variables)
            return {"loss": total, "judged": loss}

    return Adversarial()


def hooked(k):
    @registered(k)
    class Hooked(k.layers.Layer):
        """Layer with custom assets, variable keys and build config."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.words, self.rates, self.sizes = [], {}, None

        def grow(self, rows, columns):
            self.sizes = [rows, columns]
            self.kernel = self.add_weight((rows, columns), name="kernel")
            self.built = True

        def call(self, inputs):
            scale = len(self.words) + sum(self.rates.values())
            return k.ops.matmul(inputs, self.kernel) * scale

        def get_build_config(self):
            return {"sizes": self.sizes}

        def build_from_config(self, config):
            self.grow(*config["sizes"])

        def save_own_variables(self, store):
            store["matrix"] = self.kernel
            store["low"] = np.float32(self.rates["low"])

        def load_own_variables(self, store):
            self.kernel.assign(store["matrix"])
            self.rates["low"] = float(store["low"])

        def save_assets(self, folder):
            folder = Path(folder)
            (folder / "more").mkdir()
            (folder / "words.txt").write_text("\n".join(self.words))
            (folder / "more" / "count.txt").write_text(str(len(self.words)))

        def load_assets(self, folder):
            folder = Path(folder)
            self.words = (folder / "words.txt").read_text().split("\n")
            assert len(self.words) == int((folder / "more" / "count.txt").read_text())

    return Hooked


def hooks(k):
    layer = hooked(k)

    @registered(k)
    class WithNotes(k.Model):
        """Model with custom assets and a custom compile config."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.note, self.share = layer(), "", 0.0

        def compile(self, optimizer="adam", loss="mse", share=0.5, **kwargs):
            super().compile(optimizer, loss, **kwargs)
            self.share = share

        def get_compile_config(self):
            optimizer = k.saving.serialize_keras_object(self.optimizer)
            return {"optimizer": optimizer, "share": self.share}

        def compile_from_config(self, config):
            optimizer = k.saving.deserialize_keras_object(config["optimizer"])
            self.compile(optimizer, share=config["share"])
            self.optimizer.build(self.trainable_variables)

        def build(self, input_shape):
            self.inner.grow(input_shape[-1], 2)

        def call(self, inputs):
            return self.inner(inputs) * (len(self.note) + self.share)

        def save_assets(self, folder):
            Path(folder, "note.txt").write_text(self.note)

        def load_assets(self, folder):
            self.note = Path(folder, "note.txt").read_text()

    model = WithNotes()
    model.build((None, 4))
    model.note, model.inner.words = "seven", ["a", "b", "c"]
    model.inner.rates = {"low": 0.25}
    return model
