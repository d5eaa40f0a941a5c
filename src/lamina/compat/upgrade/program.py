# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Rewriting of the text of a program."""

from __future__ import annotations

from typing import NamedTuple

import libcst as cst

from lamina.compat.defaults import Release, data_format_of, release_of, use
from lamina.compat.upgrade.calls.files import FileNames
from lamina.compat.upgrade.calls.logs import MetricNames
from lamina.compat.upgrade.calls.sizes import SizeNames
from lamina.compat.upgrade.context import MARK, Context
from lamina.compat.upgrade.tree.alignment import aligned
from lamina.compat.upgrade.tree.cleaning import with_clean_imports
from lamina.compat.upgrade.tree.rewriter import Rewriter
from lamina.errors import ArgumentError

# Parts of TensorFlow whose functions get its own tensors.
_TENSORFLOW = ("tf.data", "tf.GradientTape", "tf.io", "tf.strings", "tf.function")


class Upgraded(NamedTuple):
    """A program with today's spellings.

    Args:
        text: the program.
        changes: number of changes.
        notes: line and text of each place that has no translation.
    """

    text: str
    changes: int
    notes: list[tuple[int, str]]


def upgrade_text(text: str, root: str = "keras", name: str = "the program") -> Upgraded:
    """Return a program with today's spellings.

    Args:
        text: the program.
        root: the library that it uses then, `keras` or `lamina`.
        name: its name, for errors.

    Raises:
        ArgumentError: the program is not valid Python 3.
    """
    try:
        wrapper = cst.MetadataWrapper(cst.parse_module(text))
    except cst.ParserSyntaxError as error:
        raise ArgumentError(
            f"{name}:{error.raw_line}: not valid Python 3. For a program of Python 2, "
            "run a converter such as `2to3` first."
        ) from None
    context = Context(root)
    context.keeps_tensorflow = any(name in text for name in _TENSORFLOW)
    wrapper.module.visit(MetricNames(context))
    wrapper.module.visit(SizeNames(context))
    wrapper.module.visit(FileNames(context))
    wrapper.module.visit(context.symbols)
    release = release_of(text)
    if release == Release.KERAS_1 and data_format_of(text) == "channels_first":
        # Keras 1 read the order of axes from a file of settings.
        line = f"{root}.config.set_image_data_format('channels_first')\n"
        context.definitions["channels_first"] = line
        context.imports[root] = root
        context.count += 1
    with use(release):
        rewriter = Rewriter(context)
        module = aligned(wrapper.visit(rewriter), rewriter.moves)
        module = with_clean_imports(context, module)
    new = module.code
    lines = enumerate(new.split("\n"), 1)
    notes = [(n, line.split(MARK, 1)[1].rstrip()) for n, line in lines if MARK in line]
    return Upgraded(new, context.count, notes)
