"""bayesflow: simulation, training and samples of the posterior."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("bayesflow") is None:
    pytest.skip("bayesflow is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


def prior() -> dict[str, np.ndarray]:
    return {"theta": np.random.uniform(-1, 1, 2)}


def two_moons(theta: np.ndarray) -> dict[str, np.ndarray]:
    """Simulate the two moons of bayesflow's first example."""
    angle, radius = (
        np.random.uniform(-np.pi / 2, np.pi / 2),
        np.random.normal(0.1, 0.01),
    )
    first = -abs(theta.sum()) / np.sqrt(2) + radius * np.cos(angle) + 0.25
    second = (theta[1] - theta[0]) / np.sqrt(2) + radius * np.sin(angle)
    return {"x": np.array([first, second])}


@pytest.fixture(autouse=True, scope="module")
def _imported(_installed: None) -> None:
    """Register bayesflow's classes for all tests; those of a test are forgotten."""
    importlib.import_module("bayesflow")


@pytest.mark.parametrize("network", ["CouplingFlow", "FlowMatching"])
def test_two_moons_are_simulated_fitted_sampled_and_loaded(network, tmp_path):
    import bayesflow
    import keras

    np.random.seed(0)
    adapter = (
        bayesflow.adapters.Adapter()
        .to_array()
        .convert_dtype("float64", "float32")
        .rename("theta", "inference_variables")
        .rename("x", "inference_conditions")
    )
    simulator = bayesflow.make_simulator([prior, two_moons])
    small = {"CouplingFlow": {"depth": 2}}
    options = small.get(network, {"subnet_kwargs": {"widths": (16, 16)}})
    workflow = bayesflow.BasicWorkflow(
        simulator=simulator,
        adapter=adapter,
        inference_network=getattr(bayesflow.networks, network)(**options),
        initial_learning_rate=5e-3,
    )
    rows, held_out = simulator.sample(512), simulator.sample(64)
    history = workflow.fit_offline(
        rows, epochs=4, batch_size=64, validation_data=held_out, verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["val_loss"]).all()
    draws = workflow.sample(conditions={"x": held_out["x"][:3]}, num_samples=5)
    assert draws["theta"].shape == (3, 5, 2)
    assert np.isfinite(draws["theta"]).all()
    path = tmp_path / "approximator.keras"
    workflow.approximator.save(path)
    loaded = keras.saving.load_model(path)
    draws = loaded.sample(conditions={"x": held_out["x"][:3]}, num_samples=5)
    assert draws["theta"].shape == (3, 5, 2)
    densities = [m.log_prob(held_out) for m in (workflow.approximator, loaded)]
    np.testing.assert_allclose(*densities, rtol=1e-5)
