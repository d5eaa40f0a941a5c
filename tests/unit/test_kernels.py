"""Which form each op of a model takes, and how that is shown and changed."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import config, kernels, layers
from lamina.errors import ArgumentError, StateError
from lamina.ops.kernels import autotune as tuning
from lamina.ops.kernels import table


@pytest.fixture
def toy(monkeypatch):
    """An op of two forms, of which one is for an even number on this platform."""
    monkeypatch.setattr(table, "_table", {})
    monkeypatch.setattr(table.jax, "default_backend", lambda: "abacus")

    def is_even(number):
        """the number is even"""
        return number % 2 == 0

    @table.reference("half")
    def reference(number):
        return f"{number} / 2"

    @table.kernel("half", "abacus", when=is_even, can=lambda n: n < 100)
    def shift(number):
        return f"{number} >> 1"

    @table.kernel("half", "slide rule", when=is_even)
    def slip(number):
        return "about half"


def taken(number):
    with table.recording() as found:
        result = table.call("half", number)
    return result, found[0].form, found[0].reason


def test_the_first_form_that_fits_is_taken(toy):
    assert taken(4) == ("4 >> 1", "shift", "the number is even")
    none = "no faster form is known for these arguments"
    assert taken(3) == ("3 / 2", "reference", none)
    assert taken(400) == ("400 / 2", "reference", none)


def test_a_form_can_be_forced(toy):
    config.set_kernel("half", "slip")
    assert taken(3) == ("about half", "slip", "forced by config.set_kernel")
    config.set_kernel("half", "shift")
    assert taken(300)[1:] == ("reference", "'shift' can't run on these arguments")
    config.set_kernel("half", None)
    assert taken(4)[1] == "shift"


def test_unknown_forms_are_refused(toy):
    config.set_kernel("half", "shfit")
    with pytest.raises(ArgumentError, match="Did you mean 'shift'"):
        table.call("half", 4)


def test_forms_are_listed(toy):
    assert kernels.forms() == {"half": ["shift", "slip", "reference"]}


def net():
    inner = [layers.Input((6, 6, 8)), layers.AveragePooling2D(name="pool")]
    return lamina.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(8, 3, use_bias=False, name="conv"),
            lamina.Sequential(inner, name="inner"),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ],
        name="net",
    )


def test_choices_name_the_layer():
    config.set_kernel("conv", "reference")
    found = {choice.path: choice for choice in kernels.choices(net())}
    assert found["net", "conv"].form == "reference"
    assert found["net", "inner", "pool"].op == "average_pool"
    assert found["net", "head"].form == "matmul_pretransposed"
    assert len(found) == 3


def test_explain_prints_a_line_for_each_choice():
    text = []
    config.set_kernel("conv", "reference")
    kernels.explain(net(), print_fn=text.append)
    head, conv, pool, dense = text[0].splitlines()
    assert head.split() == ["layer", "op", "form", "why"]
    assert conv.split()[:3] == ["conv", "conv", "reference"]
    assert conv.endswith("forced by config.set_kernel")
    assert pool.startswith("inner/pool  average_pool")
    assert dense.startswith("head ")


def test_subclassed_models_are_explained():
    class Net(lamina.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv1D(2, 3, use_bias=False, name="conv")

        def call(self, inputs):
            return self.conv(inputs)

    model = Net()
    with pytest.raises(StateError, match="are not known"):
        kernels.choices(model)
    model(np.ones((2, 9, 3), "float32"))
    assert [c.path[1:] for c in kernels.choices(model)] == [("conv",)]


def test_summary_has_a_column():
    text = []
    config.set_kernel("conv", "reference")
    net().summary(kernels=True, print_fn=text.append, line_length=100)
    rows = [line for line in text[0].splitlines() if "(Conv2D)" in line]
    assert "Kernels" in text[0]
    assert "reference" in rows[0]
    net().summary(print_fn=text.append)
    assert "Kernels" not in text[1]


@pytest.fixture
def sums(monkeypatch, tmp_path):
    """An op of two close forms, the rule's first, and a cache of its own."""
    monkeypatch.setattr(table, "_table", {})
    monkeypatch.setattr(tuning, "_answers", tuning._Answers())
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", str(tmp_path))
    monkeypatch.setattr(tuning, "_SECONDS", 0.0)
    config.set_autotune(True)

    def always(x):
        """the rule says so"""
        return True

    platform = jax.default_backend()
    table.reference("sum")(jnp.sum)

    @table.kernel("sum", platform, when=always, close=True)
    def slow(x):
        return jax.lax.fori_loop(0, 300, lambda i, y: y + jnp.sum(jnp.sin(x + y)), 0.0)

    @table.kernel("sum", platform, when=always, close=True)
    def quick(x):
        return jnp.sum(x)

    return lambda: table._choose("sum", (jnp.ones(999),))[0].name


def test_close_forms_are_timed_once(sums, monkeypatch):
    assert sums() == "slow"  # nothing pays for measuring
    with tuning.measuring(10**6):
        assert sums() == "quick"
    assert list(tuning.choices().values()) == ["quick"]
    monkeypatch.setattr(tuning, "_measure", None)
    assert sums() == "quick"
    monkeypatch.setattr(tuning, "_answers", tuning._Answers())
    assert sums() == "quick"  # from the file
    config.set_autotune(False)
    assert sums() == "slow"


def test_timing_inside_a_trace(sums):
    with tuning.measuring(10**6):
        total = jax.jit(lambda x: table.call("sum", x) * 2)(jnp.ones(999))
    assert (float(total), list(tuning.choices().values())) == (1998, ["quick"])


def test_short_epochs_are_not_delayed(sums, monkeypatch):
    monkeypatch.setattr(tuning, "_SECONDS", 0.6)
    with tuning.measuring(100):
        assert sums() == "slow"
    assert list(tuning.choices().values()) == ["slow"]


def test_a_run_keeps_its_choices(sums):
    with tuning.measuring(10**6):
        sums()
    chosen = tuning.choices()
    tuning._answers = tuning._Answers()
    config.set_autotune(False)
    assert sums() == "slow"
    tuning.reuse(chosen)
    assert sums() == "quick"


DAMAGED = {
    "half": b'{"a": 1, "b": [',
    "list": b"[]",
    "null": b"null",
    "number": b"5",
    "text": b'"kernels"',
    "nothing": b"",
    "zeros": bytes(100),
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 10**6,
    "large": b" " * 2**23,
    "large number": b"9" * 10**5,
    "machines": b'{"a": 5, "MACHINE": []}',
    "answers": b'{"MACHINE": {"QUESTION": {"slow": [1]}}}',
    "no form": b'{"MACHINE": {"QUESTION": "reference"}}',
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_of_answers_is_ignored_and_written_again(
    sums, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(
        tuning, "_measure", lambda *_: "quick" if tuning._local.steps else None
    )
    file = tmp_path / "kernels.json"
    with tuning.measuring(10**6):
        assert sums() == "quick"
    answers = json.loads(file.read_bytes())
    ((machine, known),) = answers.items()
    data = DAMAGED[name].replace(b"MACHINE", json.dumps(machine)[1:-1].encode())
    file.write_bytes(data.replace(b"QUESTION", json.dumps([*known][0])[1:-1].encode()))
    monkeypatch.setattr(tuning, "_answers", tuning._Answers())
    assert sums() == "slow"
    with tuning.measuring(10**6):
        assert sums() == "quick"
    assert json.loads(file.read_bytes())[machine] == known
