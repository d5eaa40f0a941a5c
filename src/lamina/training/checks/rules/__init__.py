"""Rules that find likely mistakes in a model, its data and the arguments of `fit`.

A rule is a function of a `Case`, or of one of its outputs, inputs or layer calls. It
returns a message, a fix and, if it is not that of `fit`, the line to change, or None
where it does not apply. To add one, write the function in the file of its subject and a
section with its code in docs/mistakes.md.
"""

from lamina.training.checks.rules import (
    arguments,
    code,
    inputs,
    labels,
    layers,
    losses,
    outputs,
)
from lamina.training.checks.rules.base import RULES, find

__all__ = [
    "RULES",
    "arguments",
    "code",
    "find",
    "inputs",
    "labels",
    "layers",
    "losses",
    "outputs",
]
