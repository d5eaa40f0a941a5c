"""Names listed by errors of unknown losses and metrics."""

from __future__ import annotations

import pytest

from lamina import losses, metrics
from lamina.errors import UnknownNameError


@pytest.mark.parametrize("namespace", [losses, metrics])
def test_errors_list_readable_names(namespace):
    with pytest.raises(UnknownNameError) as caught:
        namespace.get("unknown")
    names = str(caught.value).partition("Known names: ")[2].rstrip(".").split(", ")
    assert not {n for n in names if "io_u" in n or "wrapper" in n}
    assert "mse" in names


def test_errors_suggest_class_names_with_acronyms():
    with pytest.raises(UnknownNameError, match="Did you mean 'IoU'"):
        metrics.get("ious")


def test_losses_and_metrics_share_functions():
    shared = set(losses.__all__) & set(metrics.__all__)
    functions = {n for n in shared if n.islower()} - {"get", "serialize", "deserialize"}
    assert "hinge" in functions
    for name in functions:
        assert getattr(metrics, name) is getattr(losses, name)
