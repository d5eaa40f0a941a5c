"""Mapping of the values of a vocabulary to indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count, repeat
from typing import Any, TypeAlias

import numpy as np

from lamina.errors import ArgumentError, DataError

Token: TypeAlias = str | int


class IndexTable:
    """Indices of a mask token, of values out of a vocabulary (OOV), and of its values.

    Args:
        owner: the layer, for messages.
        mask_token: value that is masked, or `None`.
        oov_token: value that OOV indices map to.
        num_oov_indices: number of OOV indices.
        has_mask_index: whether index 0 is that of the mask token; values that are
            masked have no index otherwise.
    """

    def __init__(
        self,
        owner: str,
        mask_token: Token | None,
        oov_token: Any,
        num_oov_indices: int,
        *,
        has_mask_index: bool,
    ) -> None:
        self._owner = owner
        self._mask_token, self._oov_token = mask_token, oov_token
        self._num_oov_indices = num_oov_indices
        self.has_mask_index = has_mask_index
        self.special_tokens: list[Token | None] = [oov_token] * num_oov_indices
        if has_mask_index:
            self.special_tokens.insert(0, mask_token)
        # In the order of the vocabulary, which these indices follow.
        self.indices: dict[Token, int] = {}

    def __len__(self) -> int:
        return len(self.special_tokens) + len(self.indices)

    def set(self, values: list[Token], limit: int | None, is_inverse: bool) -> bool:
        """Set the vocabulary.

        Args:
            values: its values, with or without the special tokens at the start.
            limit: largest number of indices.
            is_inverse: whether indices are mapped to values.

        Returns:
            Whether the values start with the special tokens.

        Raises:
            ArgumentError: the vocabulary is empty, repeats a value or is too large.
        """
        first = len(self.special_tokens)
        has_specials = first > 0 and values[:first] == self.special_tokens
        known = values[first:] if has_specials else values
        repeated = [value for value, n in Counter(known).items() if n > 1]
        reserved = {self._mask_token} | ({self._oov_token} if is_inverse else set())
        misplaced = [value for value in known if value in reserved]
        size = first + len(known)
        problems = {
            "it is empty": not known,
            f"it has {repeated[:5]} more than once": repeated,
            f"it has {misplaced} after the start. Omit special tokens, or start with "
            f"{self.special_tokens}": misplaced,
            f"with special tokens it has {size} values, more than max_tokens="
            f"{limit}": limit and size > limit,
        }
        for problem, is_present in problems.items():
            if is_present:
                raise ArgumentError(
                    f"{self._owner} cannot use a vocabulary of {len(values)} values: "
                    f"{problem}."
                )
        self.indices = dict(zip(known, count(first)))
        return has_specials

    def values_of(self, indices: np.ndarray) -> np.ndarray:
        """Return the value of each index; the OOV token for others."""
        indices = indices.astype(np.int64)
        table = np.array([*self.special_tokens, *self.indices], object)
        valid = (indices >= 0) & (indices < len(table))
        return np.where(valid, table[np.where(valid, indices, 0)], self._oov_token)

    def indices_of(
        self, values: list[Token], hashes: Callable[[list[Token]], np.ndarray]
    ) -> np.ndarray:
        """Return the index of each value; -1 for masked ones without an index.

        Args:
            values: the values.
            hashes: returns numbers for values, which choose one of several OOV indices.

        Raises:
            DataError: a value is not in the vocabulary, and there is no OOV index.
        """
        found = np.fromiter(map(self.indices.get, values, repeat(-2)), np.int32)
        unknown = np.flatnonzero(found == -2)
        others = [i for i in unknown if values[i] != self._mask_token]
        found[unknown] = 0 if self.has_mask_index else -1
        if others:
            found[others] = self._oov_indices([values[i] for i in others], hashes)
        return found

    def _oov_indices(
        self, values: list[Token], hashes: Callable[[list[Token]], np.ndarray]
    ) -> np.ndarray:
        count = self._num_oov_indices
        if count == 0:
            raise DataError(
                f"{self._owner}: {values[0]!r} is not in the vocabulary. Use "
                "`num_oov_indices=1` to give such values an index."
            )
        buckets = np.zeros(len(values), int) if count == 1 else hashes(values) % count
        return buckets.astype(np.int32) + self.has_mask_index
