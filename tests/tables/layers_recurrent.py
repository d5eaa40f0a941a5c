"""Cases of the recurrent layers and Bidirectional."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats, lengths_mask
from tests.tables.cases import LayerCase

X = floats(4, 5, 3)
ENDS_EARLY = lengths_mask((5, 3, 1, 2), 5)
WITH_GAPS = np.array(
    [[1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]], bool
)
NEVER = np.array([[1] * 5, [0] * 5, [1] * 5, [0] * 5], bool)
REMEMBERS = frozenset({"remembers"})
PENALTIES = {
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l1",
    "bias_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "non_neg",
}


def states(count: int):
    return [floats(4, 2, seed=seed + 7) for seed in range(count)]


def common(name: str, kind: str, state_count: int):
    """The cases that every recurrent layer has, whatever its cell."""

    def case(suffix, arguments=None, **more):
        return LayerCase(
            f"{name}{suffix}",
            lambda k: getattr(k.layers, kind)(2, **(arguments or {})),
            (X,),
            **more,
        )

    sequences = {"return_sequences": True}
    return [
        case(""),
        case("_sequences", sequences),
        case("_state", {"return_state": True}),
        case("_sequences_and_state", {**sequences, "return_state": True}),
        case("_backwards", {**sequences, "go_backwards": True}),
        case("_unrolled", {**sequences, "unroll": True}),
        case("_no_bias", {"use_bias": False}),
        case("_initial_state", sequences, call={"initial_state": states(state_count)}),
        case("_masked", call={"mask": ENDS_EARLY}),
        case("_masked_sequences", sequences, call={"mask": ENDS_EARLY}),
        case("_gaps", {**sequences, "return_state": True}, call={"mask": WITH_GAPS}),
        case("_rows_fully_masked", sequences, call={"mask": NEVER}),
        case(
            "_masked_backwards",
            {**sequences, "go_backwards": True},
            call={"mask": ENDS_EARLY},
        ),
        case(
            "_masked_unrolled",
            {**sequences, "unroll": True},
            call={"mask": WITH_GAPS},
        ),
        case("_stateful", {"stateful": True}, traits=REMEMBERS, calls=3),
        case(
            "_stateful_sequences",
            {"stateful": True, **sequences},
            traits=REMEMBERS,
            calls=2,
        ),
        case("_penalised", PENALTIES),
        case("_relu", {"activation": "relu"}),
    ]


GATES = [
    LayerCase(
        "lstm_gates",
        lambda k: k.layers.LSTM(2, recurrent_activation="hard_sigmoid"),
        (X,),
    ),
    LayerCase(
        "lstm_no_forget_bias", lambda k: k.layers.LSTM(2, unit_forget_bias=False), (X,)
    ),
    LayerCase(
        "gru_reset_before",
        lambda k: k.layers.GRU(2, reset_after=False, return_sequences=True),
        (X,),
    ),
    LayerCase(
        "gru_reset_before_masked",
        lambda k: k.layers.GRU(2, reset_after=False, return_sequences=True),
        (X,),
        call={"mask": WITH_GAPS},
    ),
    LayerCase(
        "gru_reset_before_no_bias",
        lambda k: k.layers.GRU(2, reset_after=False, use_bias=False),
        (X,),
    ),
    LayerCase(
        "gru_gates", lambda k: k.layers.GRU(2, recurrent_activation="relu"), (X,)
    ),
]


def both_ways(name, make, **more):
    return LayerCase(f"bidirectional_{name}", make, (X,), **more)


def merged(mode):
    return both_ways(
        mode or "unmerged",
        lambda k: k.layers.Bidirectional(
            k.layers.GRU(2, return_sequences=True), merge_mode=mode
        ),
    )


BIDIRECTIONAL = [
    *[merged(mode) for mode in ("concat", "sum", "mul", "ave", None)],
    both_ways("last_step", lambda k: k.layers.Bidirectional(k.layers.LSTM(2))),
    both_ways(
        "simple",
        lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(2, return_sequences=True)),
    ),
    both_ways(
        "state",
        lambda k: k.layers.Bidirectional(
            k.layers.LSTM(2, return_sequences=True, return_state=True)
        ),
    ),
    both_ways(
        "initial_state",
        lambda k: k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True)),
        call={"initial_state": states(4)},
    ),
    both_ways(
        "backward_layer",
        lambda k: k.layers.Bidirectional(
            k.layers.LSTM(2), backward_layer=k.layers.GRU(3, go_backwards=True)
        ),
    ),
    both_ways(
        "masked",
        lambda k: k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True)),
        call={"mask": ENDS_EARLY},
    ),
    both_ways(
        "masked_last_step",
        lambda k: k.layers.Bidirectional(k.layers.GRU(2), merge_mode="sum"),
        call={"mask": ENDS_EARLY},
    ),
]

RECURRENT = [
    *common("simple_rnn", "SimpleRNN", 1),
    *common("lstm", "LSTM", 2),
    *common("gru", "GRU", 1),
    *GATES,
    *BIDIRECTIONAL,
]
