"""`get_state_tree` and `set_state_tree`."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from lamina.errors import ArgumentError


def model():
    layers = [lamina.Input((2,)), lamina.layers.Dense(1, name="dense")]
    made = lamina.Sequential([*layers, lamina.layers.BatchNormalization(name="norm")])
    made.compile("adam", "mse", metrics=["mae"])
    made.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
    return made


def paths(variables):
    return sorted(v.path for v in variables)


def flat(tree, start=""):
    if not isinstance(tree, dict):
        return [start]
    return sorted(p for k, v in tree.items() for p in flat(v, f"{start}/{k}"))


def test_tree_nests_all_variables_by_path():
    subject = model()
    tree = subject.get_state_tree("numpy_array")
    groups = {
        "trainable_variables": subject.trainable_variables,
        "non_trainable_variables": subject.non_trainable_variables,
        "optimizer_variables": subject.optimizer.variables,
        "metrics_variables": subject.metrics_variables,
    }
    assert list(tree) == list(groups)
    for group, variables in groups.items():
        assert [p[1:] for p in flat(tree[group])] == paths(variables)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(tree))
    first = jax.tree.leaves(subject.get_state_tree())[0]
    assert isinstance(first, jax.Array)


def test_values_of_a_tree_are_assigned():
    subject, other = model(), model()
    tree = subject.get_state_tree("numpy_array")
    doubled = jax.tree.map(lambda a: a * 2, tree["trainable_variables"])
    subject.set_state_tree({"trainable_variables": doubled})
    np.testing.assert_array_equal(
        subject.layers[0].kernel, 2 * tree["trainable_variables"]["dense"]["kernel"]
    )
    with pytest.raises(ArgumentError, match="no 'weights'"):
        other.set_state_tree({"weights": {}})
    with pytest.raises(ArgumentError, match="no 'dense/kernels'.*'dense/kernel'"):
        other.set_state_tree({"trainable_variables": {"dense": {"kernels": 1.0}}})


def test_unknown_format_and_equal_paths_are_refused():
    subject = model()
    with pytest.raises(ArgumentError, match="value_format"):
        subject.get_state_tree("list")
    subject.layers[1].gamma.path = "dense/kernel"
    with pytest.raises(ArgumentError, match="Two variables have the path"):
        subject.get_state_tree()
