"""Dense layers: `Dense` and `EinsumDense`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Unpack

from lamina import activations, ops
from lamina.core.check import Check, boolean, positive_int
from lamina.core.variable import Variable
from lamina.errors import ShapeError, invalid
from lamina.initializers import VarianceScaling
from lamina.layers.base import CommonOptions, Converted, InputSpec, Options, weight
from lamina.layers.core.lora import Adaptable, adaptable_weight
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    Initializer,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class Dense(Adaptable):
    """Fully connected layer: `activation(inputs @ kernel + bias)`.

    Args:
        units: number of outputs.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel, (features, units).
        bias_initializer: initializer of the bias, (units,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        lora_rank: rank of a low-rank update (LoRA), which is trained instead of the
            kernel; see `enable_lora`.
        lora_alpha: scale of the update, times `lora_rank`; `lora_rank` by default.

    Shape:
        (batch, ..., features) to (batch, ..., units).

    Example:
        >>> Dense(4, activation="relu")(jnp.ones((2, 3))).shape
        (2, 4)
    """

    units: int
    activation = Converted(activations.get)
    use_bias: bool
    kernel: Variable = adaptable_weight()
    bias: Variable | None = weight()
    supports_masking = True
    arguments = {
        **Adaptable.arguments,
        "units": positive_int,
        "use_bias": boolean,
    }

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernel and the bias."""
        features = input_shape[-1]
        self._create_weight("kernel", (features, self.units))
        self._create_weight("bias", (self.units,) if self.use_bias else None)
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Array) -> Array:
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return self.activation(outputs)


# With `...` on the left, on the right, or without.
_PATTERNS = [
    r"(\.\.\.)([a-zA-Z]+)(),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
    r"()([a-zA-Z]+)(\.\.\.),([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
    r"()([a-zA-Z]+)(),([a-zA-Z]+)->([a-zA-Z]+)",
]


class _Equation(NamedTuple):
    """Parsed equation of `EinsumDense`: its letters, and the side that has `...`."""

    inputs: str
    kernel: str
    outputs: str
    left: bool
    right: bool


def _parse(equation: str) -> _Equation | None:
    for pattern in _PATTERNS:
        match = re.fullmatch(pattern, equation)
        if match:
            left, inputs, right, kernel, outputs = match.groups()
            return _Equation(inputs, kernel, outputs, bool(left), bool(right))
    return None


class EinsumDense(Adaptable):
    """Dense layer defined by einsum: `activation(einsum(eq, x, kernel) + bias)`.

    Args:
        equation: "inputs,kernel->outputs" with a letter for each axis, such as
            "abc,cd->abd"; `...` at the start or at the end of inputs and outputs
            matches any number of axes.
        output_shape: sizes of the output's axes after the batch axis, without those of
            `...`; `None` for a size that equals the input's.
        activation: an activation function or its name; linear when `None`.
        bias_axes: letters of the output's axes that have a bias; no bias when `None`.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        lora_rank: rank of a low-rank update (LoRA), which is trained instead of the
            kernel; see `enable_lora`.
        lora_alpha: scale of the update, times `lora_rank`; `lora_rank` by default.

    Shape:
        As the equation defines it.

    Example:
        >>> heads = EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de")
        >>> heads(jnp.ones((5, 7, 3))).shape
        (5, 7, 2, 4)
    """

    equation: str
    activation = Converted(activations.get)
    bias_axes: str | None
    kernel: Variable = adaptable_weight()
    bias: Variable | None = weight()
    kernel_initializer: Initializer
    arguments = {
        **Adaptable.arguments,
        "equation": Check(
            'an equation such as "abc,cd->abd", "...b,bc->...c" or "ab...,bc->ac..."',
            lambda v: isinstance(v, str) and _parse(v) is not None,
            ("abc,cd", "ab,bc,cd->ad", 3),
        ),
    }

    def __init__(
        self,
        equation: str,
        output_shape: int | PartialShape,
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        single = isinstance(output_shape, int)
        self.output_shape = (output_shape,) if single else tuple(output_shape)

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernel and the bias."""
        parsed = _parse(self.equation)
        assert parsed is not None  # the constructor checks it
        sizes = self._axis_sizes(parsed, input_shape)
        kernel_shape = [sizes[letter] for letter in parsed.kernel]
        bias_shape = self._bias_shape(parsed, sizes, input_shape)
        self._create_weight("kernel", kernel_shape, self._kernel_initializer(parsed))
        self._create_weight("bias", bias_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))

    def _axis_sizes(self, parsed: _Equation, shape: PartialShape) -> dict[str, Any]:
        """Return the size of each letter's axis."""
        free = len(shape) - len(parsed.inputs)
        if free < 0 or (free > 0 and not (parsed.left or parsed.right)):
            raise ShapeError(
                f"Layer {self.name!r} (EinsumDense) has the equation "
                f"{self.equation!r}, which does not fit an input of {len(shape)} axes."
            )
        lettered = shape[free:] if parsed.left else shape[: len(parsed.inputs)]
        sizes = dict(zip(parsed.inputs, lettered, strict=True))
        # The batch axis has a letter, or it is the first axis of `...`.
        letters = parsed.outputs if parsed.left and free else parsed.outputs[1:]
        for letter, size in zip(letters, self.output_shape, strict=False):
            known = sizes.get(letter)
            if size is not None and known not in (None, size):
                raise ShapeError(
                    f"Layer {self.name!r} (EinsumDense) has outputs of size {size} "
                    f"along axis {letter!r} of {self.equation!r}, but its input "
                    f"{tuple(shape)} has {known} there."
                )
            sizes[letter] = known if size is None else size
        unknown = {*parsed.kernel, *parsed.outputs} - {*sizes}
        if unknown or len(letters) != len(self.output_shape):
            raise ShapeError(
                f"Layer {self.name!r} (EinsumDense) cannot infer the size of each axis "
                f"of {self.equation!r} from `output_shape={self.output_shape}`. Give "
                f"{len(letters)} sizes, one for each of {letters!r}, and use every "
                "letter of the kernel in the inputs or the outputs."
            )
        return sizes

    def _kernel_initializer(self, parsed: _Equation) -> Any:
        """Return the initializer with the kernel's input and output axes set."""
        initializer = self.kernel_initializer
        plain = isinstance(initializer, VarianceScaling)
        if not plain or None not in (initializer.input_axes, initializer.output_axes):
            return initializer
        axes = enumerate(parsed.kernel)
        outputs = [i for i, letter in axes if letter in parsed.outputs]
        inputs = [i for i in range(len(parsed.kernel)) if i not in outputs]
        config = {**initializer.get_config(), "seed": initializer.seed}
        config |= {"input_axes": inputs, "output_axes": outputs}
        return type(initializer).from_config(config)

    def _bias_shape(
        self, parsed: _Equation, sizes: dict[str, Any], shape: PartialShape
    ) -> list[int | None] | None:
        axes = self.bias_axes
        if axes is None:
            return None
        if not axes or not {*axes} <= {*parsed.outputs}:
            expected = f"letters of the outputs in {self.equation!r}"
            raise invalid("EinsumDense", "bias_axes", self.bias_axes, expected)
        letters = parsed.outputs[min(map(parsed.outputs.index, axes)) :]
        free = len(shape) - len(parsed.inputs) if parsed.right else 0
        return [sizes[a] if a in axes else 1 for a in letters] + [1] * free

    def call(self, inputs: Array) -> Any:
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return self.activation(outputs)
