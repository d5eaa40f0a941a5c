"""Every benchmark claim loads, and lamina's part of it runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import lamina
from benchmarks import machine, page, report, results, scaling_model, workload
from benchmarks.__main__ import CLAIMS
from benchmarks.claim import Bar, Claim, Peer, Quantity, load_claim
from benchmarks.harness import Measured, judge
from benchmarks.layers import LAYERS
from benchmarks.peers import checkpoints, devices, keras_api, layer_steps, peak, process
from benchmarks.peers.keras_networks import build
from benchmarks.worker import PeerFailed, PeerMissing
from benchmarks.workload import Training


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_complete(name: str):
    claim = load_claim(name)
    assert claim.name == name
    quick, full = claim.peers[0], {peer.name for peer in claim.peers}
    assert (quick.name, quick.level) == ("lamina", 0)
    keys = {quantity.key for quantity in claim.quantities}
    for bar in claim.bars:
        assert {bar.quantity, bar.peer_quantity or bar.quantity} <= keys
        assert not bar.peers or set(bar.peers) & full
    for quantity in claim.quantities:
        assert not quantity.series or int(quantity.key.split()[0].replace(",", "")) >= 0


SMALL = {
    "table": replace(workload.TABLE, rows=40, batch=16, epochs=2),
    "autoencoder": replace(workload.AUTOENCODER, rows=4, batch=2),
    "gru": replace(
        workload.GRU,
        options={"layer": "GRU", "vocabulary": 50, "width": 4, "length": 6},
        data=partial(workload.judged_texts, length=6, vocabulary=50),
        rows=8,
        batch=4,
    ),
}
# By hand: kernels, biases, tables.
NUMBERS = {
    "table": 20 * 32 + 32 + 32 + 1,
    "autoencoder": (9 + 1) * 32
    + (9 * 32 + 1) * 64
    + (9 * 64 + 1) * 64
    + (9 * 64 + 1) * 32
    + (9 * 32 + 1),
    "gru": 50 * 4 + 3 * (4 * 4 + 4 + 4 * 4 + 4) + 4 + 1,
}


@pytest.mark.parametrize("name", SMALL)
def test_fit_runs(name: str):
    one_round = keras_api.fit(quick=True, library="lamina", training=SMALL[name])
    first, second = one_round(), one_round()
    assert first["parameters"] == NUMBERS[name]
    assert second["loss"] < first["loss"]
    assert second["epoch"] > second["step"] > 0


def test_checkpoints_record_when_writing_begins(tmp_path: Path):
    (model, x, y), timed = checkpoints.digits(), checkpoints.TimedCheckpoints(tmp_path)
    model.fit(x[:8], y[:8], epochs=1, verbose=0, resume=timed)
    assert len(timed.times) == len(timed.files()) > 0


def test_first_epoch_reports_a_missing_library():
    cache, networks = {"CACHE": "{folder}"}, ["auto_mpg"]
    one_round = process.first_epoch(
        True, "keras_api:fit", cache, networks, library="no_such_library"
    )
    with pytest.raises(PeerMissing, match="no_such_library"):
        one_round()


@pytest.mark.parametrize(
    ("training", "operations"),
    [
        (
            workload.MNIST_CNN,
            2 * 26**2 * 9 * 32 * 2
            + 3 * (24**2 * 9 * 32 * 64 * 2 + 9216 * 128 * 2 + 1280 * 2),
        ),
        (
            workload.AUTOENCODER,
            2 * 14**2 * 9 * 32 * 2
            + 3 * (7**2 * 9 * 32 * 64 * 2 + 7**2 * 9 * 64 * 64 * 2)
            + 3 * (14**2 * 9 * 64 * 32 * 2 + 28**2 * 9 * 32 * 2),
        ),
    ],
    ids=lambda value: value.network if isinstance(value, Training) else "",
)
def test_operations_per_row_are_counted(training: Training, operations: int):
    """A convolution makes its product at each output, a transposed at each input."""
    assert peak.operations_per_row(build(lamina, training)) == operations


CLAIM = Claim(
    name="seed_model",
    title="a title",
    quantities=(Quantity("step", "a step", "ms", 1e3),),
    peers=tuple(Peer(name, "") for name in ("lamina", "slow", "fast", "absent")),
    bars=(
        Bar("twice as fast as the best", "step", ("slow", "fast", "absent"), 1 / 2),
        Bar("as fast as slow", "step", ("slow",), 1),
        Bar("as fast as nobody", "step", ("absent",), 1),
        Bar("for another device", "step", plus=1, platform="gpu"),
    ),
)


def measured() -> Measured:
    found = Measured(CLAIM)
    for peer, seconds in zip(CLAIM.peers, (0.3, 0.6, 0.2), strict=False):
        for factor in (0.5, 1, 9):
            found.add(peer, {"step": factor * seconds})
    found.drop(CLAIM.peers[3], PeerFailed("it broke"))
    return found


def test_targets_refer_to_the_fastest_peer():
    verdicts = judge(measured(), "cpu")
    assert [verdict.met for verdict in verdicts] == [False, True, None]
    assert verdicts[0].limit == pytest.approx(0.1)


def test_peers_with_other_networks_are_refused():
    found = Measured(CLAIM)
    found.check({"parameters": 10})
    found.check({"step": 1.0})
    with pytest.raises(PeerFailed, match="11 parameters instead of 10"):
        found.check({"parameters": 11})


def test_page_lists_slower_quantities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module, name in ((report, "RESULTS"), (results, "RESULTS"), (page, "DOCS")):
        monkeypatch.setattr(module, name, tmp_path)
    computer = machine.processor()
    context = {
        "level": "full",
        "machine": {
            "processor": computer,
            "cores": 2,
            "memory_gib": 3,
            "system": "Linux",
            "platform": "cpu",
        },
        "versions": {"jax": "0"},
        "commit": "abc",
    }
    found = measured()
    path = report.save(found, judge(found, "cpu"), context, "here")
    assert math.isclose(
        json.loads(path.read_text())["peers"]["fast"]["step"]["median"], 0.2
    )
    page.main()
    text = (tmp_path / "performance.md").read_text()
    assert (
        "- seed_model, a step: fast needs 0.67 of lamina's (200 ms, lamina 300 ms)."
        in text
    )
    assert "| seed_model | twice as fast as the best | 300 ms | 100 ms |" in text
    assert "| slow | 2.00 | 600 | 300 | 5,400 | 3 |" in text
    assert "absent was not measured: it broke" in text


# Bases and cells, layers without a gradient, and layers called with dictionaries.
NOT_MEASURED = {
    *("Layer", "Wrapper", "Input", "InputLayer", "InputSpec", "Lambda", "Pipeline"),
    *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),
    *("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing"),
    *("IntegerLookup", "StringLookup", "TextVectorization", "Masking"),
    *("CutMix", "MixUp", "MaxNumBoundingBoxes", "FlaxLayer", "JaxLayer"),
    *("TFSMLayer", "TorchModuleWrapper"),
}


def test_every_layer_is_measured():
    found = [getattr(lamina.layers, name) for name in lamina.layers.__all__]
    names = {item.__name__ for item in found if isinstance(item, type)}
    assert names - LAYERS.keys() <= NOT_MEASURED
    assert {task.kind for task in LAYERS.values()} == LAYERS.keys()


def test_step_of_a_layer_runs():
    task = layer_steps.layer_task("Add", (2, 3), inputs=2)
    seconds = layer_steps.all_layers(True, "lamina", {"Add": task})()
    assert seconds[layer_steps.MEAN] == pytest.approx(seconds["Add"])


# Made up: a sum of two arrays, one that is started, and an operation of another kind.
PROGRAM = """
  %sum = (f32[2,3]{1,0}, bf16[5]{0}) all-reduce(%a, %b), channel_id=1
  %begun = f32[] all-reduce-start(%c), channel_id=2
  %other = f32[7]{0} add(%d, %d)
"""


def test_bytes_of_collective_operations_are_read_from_a_program():
    assert devices.collectives(PROGRAM) == [2 * 3 * 4 + 5 * 2, 4]


def test_operations_of_a_row_are_those_of_the_matrix_products():
    model = build(lamina, workload.SEED)
    weights = 784 * 32 + 32 * 10
    # Forward, for the weights, and for the input of the second layer.
    products = 2 * (weights + weights + 32 * 10)
    counted = scaling_model.flops(model, ((784,), ()))
    assert counted == pytest.approx(products, rel=0.01)


COUNTS = scaling_model.Counts(
    parameters=1_000_000, channels=500, flops=1e12, operations=3
)


def test_step_on_several_gpus_by_hand():
    network = scaling_model.Network(
        "made up", lambda: None, lambda: None, ((1,), ()), batch=64, utilization=0.5
    )
    nvlink, fabric = scaling_model.LINKS
    alone, four = (scaling_model.step(network, COUNTS, fabric, n) for n in (1, 4))
    assert alone == (64e12 / (989e12 * 0.5), 0, 0)
    assert four.compute == alone.compute / 4
    sent = 4 * (1_000_000 + 2 * 500 + 2)
    assert four.transfer == pytest.approx(2 * 3 / 4 * sent / 40e9)
    assert four.latency == pytest.approx(3 * (6.8e-6 + 2 * 2 * 5e-6))
    assert four.total == sum(four) > four.overlapped == four.compute + four.latency
    near = scaling_model.step(network, COUNTS, nvlink, 4)
    assert near.latency == pytest.approx(3 * (6.8e-6 + 2 * 3 * 0.6e-6))
    faster = scaling_model.speedup(network, COUNTS, fabric, 4, overlap=False)
    assert faster == pytest.approx(alone.total / four.total)
    most = scaling_model.pays_up_to(network, COUNTS, fabric, overlap=False)
    gains = [
        scaling_model.speedup(network, COUNTS, fabric, n, overlap=False) / n
        for n in (most, 2 * most)
    ]
    assert gains[0] >= 0.5 > gains[1] or most == fabric.most


def test_page_about_scaling_has_the_stored_counts():
    content = json.loads(scaling_model.RESULT.read_text())
    for found in content["checks"]:
        assert found["counted"] == pytest.approx(found["computed"], rel=1e-3)
    text = (scaling_model.DOCS / "scaling.md").read_text()
    assert scaling_model.with_section(text, scaling_model.section(content)) == text
