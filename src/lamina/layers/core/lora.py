"""Low-rank adaptation of a layer's weight (LoRA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina.core.check import Check, optional, positive_int, positive_number
from lamina.core.module import accepted_names
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, StateError, invalid
from lamina.layers.base import Layer
from lamina.layers.base.attributes import DeclaredWeight
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, Config, InitializerLike


class AdaptableWeight(DeclaredWeight):
    """A declared weight that reads as the sum with its update once it is adapted."""

    def __get__(self, instance: Any, owner: type) -> Any:
        stored = super().__get__(instance, owner)
        if instance is None or not instance.lora_enabled:
            return stored
        return instance.merged_weight()


def adaptable_weight() -> Any:
    """Declare the weight that a subclass of `Adaptable` names in `adapted`."""
    return AdaptableWeight("", True, True)


class Adaptable(Layer):
    """Base class of layers with a weight that LoRA can adapt.

    With the rank r the weight W is frozen, and the layer computes with
    `W + lora_alpha / r * a @ b`. Only `a`, (..., r), and `b`, (r, columns), are
    trained. Files hold the sum, so that a layer without LoRA can load them.
    """

    adapted: ClassVar[str] = "kernel"
    lora_rank: int | None
    lora_alpha: float | None
    lora_enabled = False
    arguments: ClassVar[dict[str, Check]] = {
        "lora_rank": optional(positive_int),
        "lora_alpha": optional(positive_number),
    }

    def _store_arguments(
        self, arguments: Mapping[str, object], omit: Sequence[str] = ()
    ) -> None:
        super()._store_arguments(arguments, omit)
        if self.lora_alpha is None:
            self.lora_alpha = self.lora_rank

    def _mark_built(self, *shapes: Any, **named: Any) -> None:
        super()._mark_built(*shapes, **named)
        if self.lora_rank is not None and not self.lora_enabled:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    @filter_traceback
    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freeze the weight, and train a low-rank update of it from now on.

        Compile the model after this call, so that its optimizer gets the new weights.

        Args:
            rank: number of columns of `a` and of rows of `b`.
            lora_alpha: scale of the update, times `rank`; `rank` by default.
            a_initializer: initializer of `a`.
            b_initializer: initializer of `b`; with zeros the update is initially zero.

        Raises:
            ArgumentError: `rank` is not valid, or the weight has a constraint.
            StateError: the layer is not built, or is adapted already.

        Reference: Hu et al. 2021, https://arxiv.org/abs/2106.09685
        """
        self._check_adaptable(rank)
        weight = self._frozen_weight
        folder = weight.path.rpartition("/")[0]
        factors = {
            "a": ((*weight.shape[:-1], rank), a_initializer),
            "b": ((rank, weight.shape[-1]), b_initializer),
        }
        for suffix, (shape, initializer) in factors.items():
            name = f"lora_{self.adapted}_{suffix}"
            # 16 bits could not represent the small updates of fine-tuning.
            factor = self.add_weight(
                shape,
                initializer,
                "float32",
                regularizer=weight.regularizer,
                name=name,
            )
            factor.path = f"{folder}/{name}"
            setattr(self, name, factor)
        weight.trainable = False
        self.lora_rank = rank
        self.lora_alpha = rank if lora_alpha is None else lora_alpha
        self.lora_enabled = True

    def _check_adaptable(self, rank: int) -> None:
        subject = f"Layer {self.name!r} ({type(self).__name__})"
        constraint = f"{self.adapted}_constraint"
        if not positive_int.accepts(rank):
            raise invalid("enable_lora", "rank", rank, positive_int.expected)
        if vars(self).get(constraint) is not None:
            raise ArgumentError(
                f"{subject} has a `{constraint}`, which a low-rank update does not "
                f"satisfy. Create the layer without `{constraint}`."
            )
        if not self.built:
            raise StateError(
                f"{subject} has no weights to adapt yet. Call it on data first, or "
                "pass `lora_rank` to its constructor."
            )
        if self.lora_enabled:
            raise StateError(
                f"{subject} already has a low-rank update of rank {self.lora_rank}. "
                "Call `enable_lora` once."
            )

    @property
    def _frozen_weight(self) -> Variable:
        return vars(self)[self.adapted]

    @property
    def _factors(self) -> tuple[Variable, Variable]:
        found = vars(self)
        name = f"lora_{self.adapted}"
        return found[f"{name}_a"], found[f"{name}_b"]

    @property
    def _lora_scale(self) -> float:
        assert self.lora_rank is not None
        assert self.lora_alpha is not None
        return self.lora_alpha / self.lora_rank

    def merged_weight(self) -> Array:
        """Return the sum of the weight and its update."""
        a, b = self._factors
        update = self._lora_scale * jnp.matmul(a.value, b.value)
        return (self._frozen_weight.value + update).astype(self.compute_dtype)

    def stored_weights(self) -> list[Variable]:
        """Return the weights that files hold, without the factors of the update."""
        factors = {id(v) for v in self._factors} if self.lora_enabled else set[int]()
        return [v for v in super().stored_weights() if id(v) not in factors]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store this layer's own weights, with the update added to the weight."""
        super().save_own_variables(store)
        if not self.lora_enabled:
            return
        weight = self._frozen_weight
        for key, variable in store.items():
            if variable is weight:
                store[key] = self.merged_weight().astype(weight.dtype)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load this layer's own weights, and set the update to zero."""
        super().load_own_variables(store)
        if self.lora_enabled:
            # `a` remains: if both factors were zero, no gradient could change them.
            b = self._factors[1]
            b.assign(jnp.zeros(b.shape))

    def get_config(self) -> Config:
        """Return the constructor's arguments; those of LoRA only if it is used."""
        config = super().get_config()
        lora: Config = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        if self.lora_rank is None:
            return {k: v for k, v in config.items() if k not in lora}
        known = accepted_names(type(self))
        return config | {k: v for k, v in lora.items() if k in known}
