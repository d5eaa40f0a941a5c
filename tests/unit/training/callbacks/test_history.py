"""The dictionary of a history: as a tree of JAX, and pickled."""

import copy
import pickle

import jax
import pytest

from lamina.callbacks import History


@pytest.fixture
def logs() -> dict[str, list[float]]:
    history = History()
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 0.5, "acc": 0.25})
    return history.history


def test_it_is_a_tree(logs: dict[str, list[float]]) -> None:
    assert jax.tree.map(lambda v: 2 * v, logs) == {"loss": [1.0], "acc": [0.5]}


def test_copies_need_no_class_of_lamina(logs: dict[str, list[float]]) -> None:
    for found in (pickle.loads(pickle.dumps(logs)), copy.deepcopy(logs)):
        assert type(found) is dict and found == logs


def test_unknown_name_lists_the_metrics(logs: dict[str, list[float]]) -> None:
    with pytest.raises(KeyError, match="No metric 'accuracy'.* Available: loss, acc"):
        logs["accuracy"]
