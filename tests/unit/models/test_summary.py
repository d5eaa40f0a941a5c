"""Output of `summary` in terminals and notebooks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from lamina import Input, Model, Sequential, layers
from lamina.errors import ArgumentError


def text_of(model, line_length=100, **arguments):
    texts = []
    model.summary(line_length, print_fn=texts.append, **arguments)
    [text] = texts
    return text


def rows_of(model, **arguments):
    """The cells of each row of the table, lines of one cell joined."""
    rows = []
    for line in text_of(model, **arguments).splitlines():
        if line.startswith(("├", "┡")):
            rows.append([])
        elif line.startswith("│"):
            rows[-1].append([cell.strip() for cell in line.strip("│").split("│")])
    return [[" ".join(c).strip() for c in zip(*row, strict=True)] for row in rows]


def stack():
    return Sequential(
        [
            Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(10),
        ]
    )


def frozen():
    model = stack()
    model.layers[0].trainable = False
    return model


def half():
    return Sequential([Input((784,)), layers.Dense(512, dtype="float16")])


def compiled():
    model = stack()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def tiny():
    return Sequential([Input((2,)), layers.Dense(1)])


def branched():
    left, right = Input((8,), name="left"), Input((4,), name="right")
    shared = layers.Dense(6, name="shared")
    branch = layers.Dense(8, name="widened")(right)
    both = layers.Add(name="add")([shared(left), shared(branch)])
    inner = Sequential([Input((6,)), layers.Dense(2, name="deep")], name="inner")
    return Model([left, right], inner(both + 1.0) * 2.0 + both[:, :2], name="branched")


class Own(Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = layers.Dense(3, name="dense")
        self.dropout = layers.Dropout(0.5, name="dropout")

    def call(self, inputs):
        return self.dropout(self.dense(inputs))


# Recorded from Keras 3.15.1.
TOTALS = {
    stack: [
        "Total params: 409,098 (1.56 MB)",
        "Trainable params: 408,074 (1.56 MB)",
        "Non-trainable params: 1,024 (4.00 KB)",
    ],
    frozen: [
        "Total params: 409,098 (1.56 MB)",
        "Trainable params: 6,154 (24.04 KB)",
        "Non-trainable params: 402,944 (1.54 MB)",
    ],
    half: [
        "Total params: 401,920 (785.00 KB)",
        "Trainable params: 401,920 (785.00 KB)",
        "Non-trainable params: 0 (0.00 B)",
    ],
    compiled: [
        "Total params: 1,225,248 (4.67 MB)",
        "Trainable params: 408,074 (1.56 MB)",
        "Non-trainable params: 1,024 (4.00 KB)",
        "Optimizer params: 816,150 (3.11 MB)",
    ],
    tiny: [
        "Total params: 3 (12.00 B)",
        "Trainable params: 3 (12.00 B)",
        "Non-trainable params: 0 (0.00 B)",
    ],
}


@pytest.mark.parametrize("make", TOTALS, ids=lambda make: make.__name__)
def test_totals_are_those_of_keras(make):
    text = text_of(make())
    assert re.findall(r"[\w-]+ params: .*", text) == TOTALS[make]


def test_summary_of_a_whole_model():
    assert text_of(tiny()) == (
        'Model: "sequential"\n'
        "┏━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓\n"
        "┃ Layer (type)  ┃ Output Shape ┃ Param # ┃\n"
        "┡━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩\n"
        "│ dense (Dense) │ (None, 1)    │       3 │\n"
        "└───────────────┴──────────────┴─────────┘\n"
        " Total params: 3 (12.00 B)\n"
        " Trainable params: 3 (12.00 B)\n"
        " Non-trainable params: 0 (0.00 B)"
    )


BRANCHED = [
    ["right (InputLayer)", "(None, 4)", "0", "-"],
    ["left (InputLayer)", "(None, 8)", "0", "-"],
    ["widened (Dense)", "(None, 8)", "40", "right"],
    ["shared (Dense)", "(None, 6)", "54", "left, widened"],
    ["add (Add)", "(None, 6)", "0", "shared, shared"],
    ["add_1 (function)", "(None, 6)", "0", "add"],
    ["inner (Sequential)", "(None, 2)", "14", "add_1"],
]


def test_summary_of_a_graph_shows_connections():
    rows = rows_of(branched())
    assert sorted(rows[:2]) == sorted(BRANCHED[:2])
    assert rows[2:7] == BRANCHED[2:]
    # Functions after the last layer: times, slice, plus.
    assert [row[1] for row in rows[7:]] == ["(None, 2)"] * 3
    assert rows[-1][0] == "add_2 (function)"
    assert set(rows[-1][3].split(", ")) == {row[0].split()[0] for row in rows[7:9]}


def test_a_chain_has_no_column_for_connections():
    inputs = Input((4,), name="given")
    model = Model(inputs, layers.Dense(2, name="out")(inputs))
    assert rows_of(model) == [
        ["given (InputLayer)", "(None, 4)", "0"],
        ["out (Dense)", "(None, 2)", "10"],
    ]


def test_summary_expands_nested_models():
    closed, opened = branched(), rows_of(branched(), expand_nested=True)
    place = [row[0] for row in opened].index("inner (Sequential)")
    assert opened[place + 1] == ["└ deep (Dense)", "(None, 2)", "14", "-"]
    assert len(opened) == len(rows_of(closed)) + 1


def test_summary_shows_trainable_on_demand():
    rows = rows_of(frozen(), show_trainable=True)
    assert [row[-1] for row in rows] == ["N", "Y", "Y"]
    rows = rows_of(Sequential([Input((4,)), layers.ReLU()]), show_trainable=True)
    assert [row[-1] for row in rows] == ["-"]


def test_several_outputs_of_a_layer():
    inputs = Input((2, 4))
    out, state, cell = layers.LSTM(5, return_state=True, name="lstm")(inputs)
    rows = rows_of(Model(inputs, [out, state, cell]))
    assert rows[-1] == ["lstm (LSTM)", "(None, 5), (None, 5), (None, 5)", "200"]


UNBUILT = [Sequential([layers.Dense(3, name="dense")]), Own()]


@pytest.mark.parametrize("model", UNBUILT, ids=lambda model: type(model).__name__)
def test_summary_of_an_unbuilt_model_says_so(model):
    assert rows_of(model)[0] == ["dense (Dense)", "?", "0 (unbuilt)"]
    assert "Not built: " in text_of(model)
    assert "Not built: " in model._repr_html_()


def test_a_subclass_that_was_called():
    model = Own()
    model(np.ones((5, 7), "float32"))
    assert rows_of(model) == [
        ["dense (Dense)", "(5, 3)", "24"],
        ["dropout (Dropout)", "(5, 3)", "0"],
    ]
    assert "Not built" not in text_of(model)


@pytest.mark.parametrize(
    ("between", "names"),
    [
        (("dense", "dense_1"), ["dense", "batch_normalization", "dense_1"]),
        (("batch.*", "batch.*"), ["batch_normalization"]),
        (("dense_1", "batch_normalization"), ["batch_normalization", "dense_1"]),
    ],
)
def test_a_range_of_layers(between, names):
    rows = rows_of(stack(), layer_range=between)
    assert [row[0].split()[0] for row in rows] == names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layer_range": ("dens", "dense_9")}, "'dense_9', which no layer matches"),
        ({"layer_range": ("batch_normalisation", "d")}, "Did you mean 'batch_norm"),
        ({"layer_range": ("dense",)}, "must be two layer names"),
        ({"line_length": 10}, "must be at least 40"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        stack().summary(print_fn=print, **arguments)


@pytest.mark.parametrize("length", [40, 60, 120])
def test_no_line_exceeds_the_line_length(length):
    text = text_of(branched(), length, show_trainable=True)
    assert max(map(len, text.splitlines())) <= length


def test_narrow_cells_are_wrapped():
    model = branched()
    assert rows_of(model, line_length=60) == rows_of(model, line_length=120)


def test_layer_after_a_long_name_is_shown_in_a_narrow_table():
    inputs = Input((3,), name="a" * 250)
    hidden = layers.Dense(2, name="b")(inputs)
    model = Model(inputs, layers.Add(name="c")([hidden, hidden]))
    [row] = rows_of(model, line_length=40, layer_range=("b", "b"))
    assert row[-1].replace(" ", "") == "a" * 250


def test_summary_is_printed_to_standard_output(capsys):
    model = tiny()
    model.summary(line_length=80)
    printed = capsys.readouterr().out
    assert [line.rstrip() for line in printed.splitlines()] == text_of(
        model, 80
    ).splitlines()


class Cells(HTMLParser):
    """The texts of a table's cells; fails where tags do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_notebook_table():
    inputs = Input((4,), name="given")
    model = Model(inputs, layers.Dense(2, name="<out>")(inputs), name="a&b")
    html = model._repr_html_()
    parser = Cells()
    parser.feed(html)
    assert parser.open == []
    assert parser.cells == [
        *("given (InputLayer)", "(None, 4)", "0"),
        *("<out> (Dense)", "(None, 2)", "10"),
    ]
    assert "a&amp;b" in html
    assert "Total params: 10 (40.00 B)" in html
