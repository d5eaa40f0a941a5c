"""Connectionist temporal classification: the loss, and two ways of decoding."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.check import check_arguments, one_of, positive_int
from lamina.core.graph import op
from lamina.errors import ShapeError, invalid
from lamina.ops.types import Tensor, array_of, float_array, upcast
from lamina.typing import Array

__all__ = ["ctc_decode", "ctc_loss"]

# The logarithm of a probability of zero; finite, so that the gradient is not NaN.
_LOG_ZERO = -1e5
_DECODING = {
    "strategy": one_of("greedy", "beam_search"),
    "beam_width": positive_int,
    "top_paths": positive_int,
}


@op
def ctc_loss(
    target: Tensor,
    output: Tensor,
    target_length: Tensor,
    output_length: Tensor,
    mask_index: int = 0,
) -> Array:
    """Compute the connectionist temporal classification loss.

    It is -log of the probability of all alignments that yield the labels. An alignment
    has one class for each step; removing repetitions and then the blank yields its
    labels.

    Args:
        target: class indices, (batch, labels).
        output: logits, (batch, steps, classes).
        target_length: number of labels of each sample, (batch,).
        output_length: number of steps of each sample, (batch,).
        mask_index: the class that is the blank.

    Returns:
        One loss for each sample, (batch,), at least in float32.

    Raises:
        ShapeError: the ranks are wrong, or the batch sizes differ.

    Example:
        >>> float(ctc_loss([[1]], jnp.zeros((1, 2, 2)), [1], [2])[0]).__round__(4)
        0.2877

    Reference: Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf
    """
    labels, logits = array_of(target).astype("int32"), upcast(float_array(output))
    labels_used, steps_used = array_of(target_length), array_of(output_length)
    _check_shapes(labels, logits, labels_used, steps_used)
    # States of the forward algorithm: a blank before, between and after the labels.
    count = 2 * labels.shape[1] + 1
    states = jnp.full((len(labels), count), mask_index).at[:, 1::2].set(labels)
    # The blank between different labels can be skipped.
    skips = jnp.zeros(states.shape, bool)
    skips = skips.at[:, 3::2].set(labels[:, 1:] != labels[:, :-1])
    emitted = jnp.take_along_axis(jax.nn.log_softmax(logits), states[:, None], axis=-1)
    start = jnp.where(jnp.arange(count) == 0, 0, _LOG_ZERO).astype(logits.dtype)

    def step(alpha: Array, inputs: tuple[Array, Array]) -> tuple[Array, None]:
        emitted, time = inputs
        one, two = (
            jnp.pad(alpha, ((0, 0), (n, 0)), constant_values=_LOG_ZERO)[:, :count]
            for n in (1, 2)
        )
        two = jnp.where(skips, two, _LOG_ZERO)
        after = jnp.logaddexp(jnp.logaddexp(alpha, one), two) + emitted
        return jnp.where((time < steps_used)[:, None], after, alpha), None

    times = jnp.arange(logits.shape[1])
    start = jnp.broadcast_to(start, states.shape)
    alpha, _ = lax.scan(step, start, (jnp.moveaxis(emitted, 1, 0), times))
    last = 2 * labels_used.astype("int32")[:, None]
    blank = jnp.take_along_axis(alpha, last, axis=1)[:, 0]
    label = jnp.take_along_axis(alpha, jnp.maximum(last - 1, 0), axis=1)[:, 0]
    label = jnp.where(last[:, 0] > 0, label, _LOG_ZERO)
    return -jnp.logaddexp(blank, label)


@op
def ctc_decode(
    inputs: Tensor,
    sequence_lengths: Tensor,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Array, Array]:
    """Decode the output of a model that was trained with `ctc_loss`.

    Args:
        inputs: logits, (batch, steps, classes).
        sequence_lengths: number of steps of each sample, (batch,).
        strategy: "greedy" takes the largest logit of each step; "beam_search" finds
            the labels whose alignments are together the most probable.
        beam_width: number of label sequences that a beam search compares.
        top_paths: number of sequences that a beam search returns, at most `beam_width`.
        merge_repeated: whether "greedy" merges equal classes of successive steps.
        mask_index: the class that is the blank; None for the last one.

    Returns:
        The labels (paths, batch, steps), padded with -1, and the scores (batch, paths):
        the negative sum of the largest logits for "greedy", log-probabilities for
        "beam_search".

    Raises:
        ArgumentError: `strategy`, `beam_width` or `top_paths` is not valid.
        ShapeError: the inputs are not 3D, or the batch sizes differ.

    Example:
        >>> logits = [[[0.0, 5, 0], [0, 5, 0], [5, 0, 0], [0, 0, 5]]]
        >>> ctc_decode(logits, [4])[0].tolist()
        [[[1, 2, -1, -1]]]
    """
    check_arguments("ctc_decode", _DECODING, locals())
    if top_paths > beam_width:
        expected = f"at most `beam_width`, {beam_width}"
        raise invalid("ctc_decode", "top_paths", top_paths, expected)
    x, lengths = upcast(float_array(inputs)), array_of(sequence_lengths)
    if x.ndim != 3 or lengths.shape != x.shape[:1]:
        raise ShapeError(
            "ctc_decode: the inputs must have the shape (batch, steps, classes) and "
            f"`sequence_lengths` (batch,). Received: {x.shape} and {lengths.shape}."
        )
    blank = x.shape[-1] - 1 if mask_index is None else mask_index
    if strategy.lower() == "greedy":
        return _decode_greedily(x, lengths, blank, merge_repeated)
    search = functools.partial(_search, blank=blank, width=beam_width, count=top_paths)
    paths, scores = jax.vmap(search)(jax.nn.log_softmax(x), lengths)
    return jnp.moveaxis(paths, 1, 0), scores


def _decode_greedily(
    x: Array, lengths: Array, blank: int, merge_repeated: bool
) -> tuple[Array, Array]:
    used = jnp.arange(x.shape[1]) < lengths[:, None]
    labels = jnp.where(used, x.argmax(-1), blank).astype("int32")
    kept = labels != blank
    if merge_repeated:
        differs = labels[:, 1:] != labels[:, :-1]
        kept = kept.at[:, 1:].set(kept[:, 1:] & differs)
    order = jnp.argsort(~kept, axis=1, stable=True)
    labels = jnp.take_along_axis(jnp.where(kept, labels, -1), order, axis=1)
    scores = -jnp.where(used, x.max(-1), 0).sum(1, keepdims=True)
    return labels[None], scores


class _Beams(NamedTuple):
    """Label sequences, and log-probabilities of the alignments that yield them."""

    labels: Array  # (width, steps), padded with -1
    lengths: Array  # (width,)
    in_blank: Array  # (width,), of the alignments that end in a blank
    in_label: Array  # (width,), of those that end in the last label

    @property
    def total(self) -> Array:
        return jnp.logaddexp(self.in_blank, self.in_label)


def _search(
    x: Array, length: Array, blank: int, width: int, count: int
) -> tuple[Array, Array]:
    """Search the most probable labels of one sample.

    Args:
        x: log-probabilities, (steps, classes).
        length: number of steps used.
        blank: class of the blank.
        width: number of sequences compared.
        count: number of sequences returned.
    """
    never = jnp.full(width, -jnp.inf, x.dtype)
    start = _Beams(
        jnp.full((width, len(x)), -1, "int32"),
        jnp.zeros(width, "int32"),
        never.at[0].set(0),
        never,
    )

    def step(beams: _Beams, inputs: tuple[Array, Array]) -> tuple[_Beams, None]:
        row, time = inputs
        advanced = _advance(beams, row, blank)
        chosen = [
            jnp.where(time < length, new, old)
            for new, old in zip(advanced, beams, strict=True)
        ]
        return _Beams(*chosen), None

    beams, _ = lax.scan(step, start, (x, jnp.arange(len(x))))
    scores, best = lax.top_k(beams.total, count)
    return beams.labels[best], scores


def _advance(beams: _Beams, x: Array, blank: int) -> _Beams:
    """Extend each sequence by each class or by nothing, and return the most probable.

    Args:
        beams: the sequences.
        x: log-probabilities of the classes at this step.
        blank: class of the blank.
    """
    width, classes = len(beams.lengths), len(x)
    positions = jnp.arange(beams.labels.shape[1])
    last = jnp.where(positions == beams.lengths[:, None] - 1, beams.labels, -1).max(1)
    extended = beams.total[:, None] + x
    # After its own last label, a sequence grows only through a blank.
    extended = jnp.where(
        jnp.arange(classes) == last[:, None], beams.in_blank[:, None] + x, extended
    )
    extended = extended.at[:, blank].set(-jnp.inf)
    # A sequence is the extension of another one: the alignments of both are added.
    parents = jnp.where(positions == beams.lengths[:, None] - 1, -1, beams.labels)
    is_parent = (beams.labels[:, None] == parents).all(-1)
    is_parent &= (beams.lengths > 0) & (beams.total > -jnp.inf)
    from_parent = jnp.where(is_parent, extended[:, last], -jnp.inf).max(0)
    by_class = is_parent[:, :, None] & (jnp.arange(classes) == last[:, None])
    extended = jnp.where(by_class.any(1), -jnp.inf, extended)
    in_label = jnp.logaddexp(beams.in_label + x[last], from_parent)
    in_blank = beams.total + x[blank]
    # Candidates: the sequences themselves, then those extended by a class.
    total = jnp.concatenate([jnp.logaddexp(in_blank, in_label), extended.ravel()])
    _, best = lax.top_k(total, width)
    is_new = best >= width
    parent = jnp.where(is_new, (best - width) // classes, best)
    label = (best - width) % classes
    is_end = is_new[:, None] & (positions == beams.lengths[parent][:, None])
    return _Beams(
        jnp.where(is_end, label[:, None].astype("int32"), beams.labels[parent]),
        beams.lengths[parent] + is_new,
        jnp.where(is_new, -jnp.inf, in_blank[parent]),
        jnp.where(is_new, total[best], in_label[parent]),
    )


def _check_shapes(labels: Array, logits: Array, *lengths: Array) -> None:
    batch = logits.shape[:1]
    if (
        logits.ndim != 3
        or labels.ndim != 2
        or labels.shape[:1] != batch
        or any(x.shape != batch for x in lengths)
    ):
        shapes = ", ".join(str(x.shape) for x in (labels, logits, *lengths))
        raise ShapeError(
            "ctc_loss: the shapes must be (batch, labels) for `target`, (batch, steps, "
            "classes) for `output` and (batch,) for both lengths. Received: "
            f"{shapes}."
        )
