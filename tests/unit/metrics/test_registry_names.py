"""The names that an error offers."""

from __future__ import annotations

import pytest

from lamina import losses, metrics
from lamina.errors import UnknownNameError


@pytest.mark.parametrize("namespace", [losses, metrics])
def test_errors_offer_readable_names(namespace):
    with pytest.raises(UnknownNameError) as caught:
        namespace.get("unknown")
    names = str(caught.value).partition("Known names: ")[2].rstrip(".").split(", ")
    assert not {n for n in names if "io_u" in n or "wrapper" in n}
    assert "mse" in names


def test_classes_are_offered_under_their_own_name_where_it_is_clearer():
    with pytest.raises(UnknownNameError, match="Did you mean 'IoU'"):
        metrics.get("ious")


def test_functions_of_losses_are_functions_of_metrics():
    shared = set(losses.__all__) & set(metrics.__all__)
    functions = {n for n in shared if n.islower()} - {"get", "serialize", "deserialize"}
    assert "hinge" in functions
    for name in functions:
        assert getattr(metrics, name) is getattr(losses, name)
