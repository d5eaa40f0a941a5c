"""Kernel selection: dispatch, `explain`, `set_kernel` and the autotuner."""

from __future__ import annotations

import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import config, kernels, layers
from lamina.errors import ArgumentError, StateError
from lamina.ops.kernels import autotune, table


class Half(NamedTuple):
    number: int


class Sum(NamedTuple):
    x: jax.Array


@pytest.fixture
def toy(monkeypatch):
    """An op of two kernels, one of them for an even number on this platform."""
    monkeypatch.setattr(table, "_kernels", {})
    monkeypatch.setattr(jax, "default_backend", lambda: "abacus")

    def is_even(call):
        return call.number % 2 == 0

    @table.register_reference("half")
    def reference(call):
        return f"{call.number} / 2"

    @table.register_kernel(
        "half",
        "abacus",
        "The number is even.",
        when=is_even,
        supports=lambda call: call.number < 100,
    )
    def shift(call):
        return f"{call.number} >> 1"

    @table.register_kernel("half", "slide rule", "The number is even.", when=is_even)
    def slip(call):
        return "about half"


def select(number):
    with table.recording() as found:
        result = table.dispatch("half", Half(number))
    return result, found[0].kernel, found[0].reason


def test_first_kernel_that_supports_the_arguments_is_selected(toy):
    assert select(4) == ("4 >> 1", "shift", "The number is even.")
    none = "No faster kernel supports these arguments."
    assert select(3) == ("3 / 2", "reference", none)
    assert select(400) == ("400 / 2", "reference", none)


def test_set_kernel_overrides_the_selection(toy):
    config.set_kernel("half", "slip")
    assert select(3) == ("about half", "slip", "Set by config.set_kernel.")
    config.set_kernel("half", "shift")
    assert select(300)[1:] == ("reference", "'shift' does not support these arguments.")
    config.set_kernel("half", None)
    assert select(4)[1] == "shift"


def test_unknown_kernel_name_is_an_error(toy):
    config.set_kernel("half", "shfit")
    with pytest.raises(ArgumentError, match="Did you mean 'shift'"):
        table.dispatch("half", Half(4))


def test_available_lists_kernels_in_order_of_dispatch(toy):
    assert kernels.available() == {"half": ["shift", "slip", "reference"]}


def net():
    inner = [layers.Input((6, 6, 8)), layers.AveragePooling2D(2, name="pool")]
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


def test_choices_are_keyed_by_layer_path():
    config.set_kernel("conv", "reference")
    found = {choice.path: choice for choice in kernels.choices(net())}
    assert all(isinstance(choice, kernels.Choice) for choice in found.values())
    assert found["net", "conv"].kernel == "reference"
    assert found["net", "inner", "pool"].op == "average_pool"
    assert found["net", "head"].kernel == "matmul_pretransposed"
    assert len(found) == 3


@pytest.mark.parametrize(
    ("shape", "units", "kernel"),
    [
        ((8,), 64, "matmul_pretransposed"),
        ((8,), 65, "reference"),
        ((8,), 1, "reference"),
        ((128, 8), 64, "matmul_pretransposed"),
        ((129, 8), 64, "matmul_by_rows"),  # 4,128 rows
        ((5, 8), 65, "matmul_by_rows"),
    ],
)
def test_kernel_of_a_product_depends_on_its_sizes(shape, units, kernel):
    layer = lamina.Sequential([layers.Input(shape), layers.Dense(units)])
    (choice,) = kernels.choices(layer, batch_size=32)
    assert (choice.op, choice.kernel) == ("matmul", kernel)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "kernel"),
    [
        ("abc,cd->abd", [(2, 3, 4), (4, 5)], "einsum_by_rows"),
        ("abcd, de -> abce", [(2, 3, 4, 5), (5, 6)], "einsum_by_rows"),
        ("...c,cd->...d", [(2, 3, 4), (4, 5)], "einsum_by_rows"),
        ("...c,cd->...d", [(3, 4), (4, 5)], "reference"),
        ("abc,cde->abde", [(2, 3, 4), (4, 5, 6)], "reference"),
        ("ab,bc->ac", [(2, 3), (3, 4)], "reference"),
        ("abc,cb->ab", [(2, 3, 4), (4, 3)], "reference"),
        ("abc,cda->abd", [(2, 3, 4), (4, 5, 2)], "reference"),
        ("abc,cd->adb", [(2, 3, 4), (4, 5)], "reference"),
        ("abc,bcd->abd", [(2, 3, 4), (3, 4, 5)], "reference"),
        ("abc,cd->abd", [(2, 3, 4), (1, 5)], "reference"),  # broadcasts
    ],
)
def test_einsum_of_rows_and_a_matrix_is_one_product(subscripts, shapes, kernel):
    arrays = [np.ones(shape, "float32") for shape in shapes]
    with table.recording() as found:
        y = lamina.ops.einsum(subscripts, *arrays)
    assert [(choice.op, choice.kernel) for choice in found] == [("einsum", kernel)]
    np.testing.assert_array_equal(y, np.einsum(subscripts, *arrays))


def test_explain_prints_a_line_for_each_choice():
    text = []
    config.set_kernel("conv", "reference")
    kernels.explain(net(), print_fn=text.append)
    head, conv, pool, dense = text[0].splitlines()
    assert head.split() == ["layer", "op", "kernel", "reason"]
    assert conv.split()[:3] == ["conv", "conv", "reference"]
    assert conv.endswith("Set by config.set_kernel.")
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


def test_summary_has_a_column_of_kernels():
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
    """An op of two autotuned kernels, the preferred one first, and a cache folder."""
    monkeypatch.setattr(table, "_kernels", {})
    monkeypatch.setattr(autotune, "_cache", autotune._Cache())
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", str(tmp_path))
    monkeypatch.setattr(autotune, "_STARTUP_SECONDS", 0.0)
    config.set_autotune(True)

    platform = jax.default_backend()
    table.register_reference("sum")(lambda call: jnp.sum(call.x))

    @table.register_kernel("sum", platform, "", autotuned=True)
    def slow(call):
        x = call.x
        return jax.lax.fori_loop(0, 300, lambda i, y: y + jnp.sum(jnp.sin(x + y)), 0.0)

    @table.register_kernel("sum", platform, "", autotuned=True)
    def quick(call):
        return jnp.sum(call.x)

    return lambda: table._select("sum", Sum(jnp.ones(999)))[0].name


def test_autotuned_kernels_are_timed_once(sums, monkeypatch):
    assert sums() == "slow"  # no epoch pays for timing
    with autotune.allow_timing(10**6):
        assert sums() == "quick"
    assert list(autotune.selected_kernels().values()) == ["quick"]
    monkeypatch.setattr(autotune, "_time_kernels", None)
    assert sums() == "quick"
    monkeypatch.setattr(autotune, "_cache", autotune._Cache())
    assert sums() == "quick"  # from the file
    config.set_autotune(False)
    assert sums() == "slow"


def test_kernels_can_be_timed_inside_a_trace(sums):
    with autotune.allow_timing(10**6):
        total = jax.jit(lambda x: table.dispatch("sum", Sum(x)) * 2)(jnp.ones(999))
    assert (float(total), list(autotune.selected_kernels().values())) == (
        1998,
        ["quick"],
    )


def test_short_epoch_does_not_time_kernels(sums, monkeypatch):
    monkeypatch.setattr(autotune, "_STARTUP_SECONDS", 0.6)
    with autotune.allow_timing(100):
        assert sums() == "slow"
    assert list(autotune.selected_kernels().values()) == ["slow"]


def test_resumed_run_reuses_its_kernels(sums):
    with autotune.allow_timing(10**6):
        sums()
    chosen = autotune.selected_kernels()
    autotune._cache = autotune._Cache()
    config.set_autotune(False)
    assert sums() == "slow"
    autotune.reuse_kernels(chosen)
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
def test_damaged_autotune_file_is_ignored_and_rewritten(
    sums, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(
        autotune, "_time_kernels", lambda *_: "quick" if autotune._local.steps else None
    )
    file = tmp_path / "kernels.json"
    with autotune.allow_timing(10**6):
        assert sums() == "quick"
    answers = json.loads(file.read_bytes())
    ((machine, known),) = answers.items()
    data = DAMAGED[name].replace(b"MACHINE", json.dumps(machine)[1:-1].encode())
    file.write_bytes(data.replace(b"QUESTION", json.dumps([*known][0])[1:-1].encode()))
    monkeypatch.setattr(autotune, "_cache", autotune._Cache())
    assert sums() == "slow"
    with autotune.allow_timing(10**6):
        assert sums() == "quick"
    assert json.loads(file.read_bytes())[machine] == known
