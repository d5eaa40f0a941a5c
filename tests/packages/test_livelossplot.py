"""livelossplot: curves are drawn while a model is trained."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("livelossplot") is None:
    pytest.skip("livelossplot is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


def test_livelossplot_draws_curves(tmp_path):
    import keras
    import matplotlib

    matplotlib.use("Agg")
    from livelossplot import PlotLossesKeras
    from livelossplot.outputs import MatplotlibPlot

    path = str(tmp_path / "curves.png")
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mean_squared_error", metrics=["mae"])
    plot = PlotLossesKeras(outputs=[MatplotlibPlot(figpath=path)])
    model.fit(x, x.sum(1), epochs=2, verbose=0, callbacks=[plot], validation_split=0.2)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert len(plot.liveplot.logger.log_history["val_loss"]) == 2
