"""Findings of the checks: what is probably wrong with a program, and the fix."""

from __future__ import annotations

import html
import os
import shutil
import textwrap
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "advice"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "advice")
_WIDTH = 88


class Finding(NamedTuple):
    """One mistake, or likely mistake, in a model, its data or its training.

    Args:
        code: name of the rule, such as "softmax-one-unit"; a heading of the page
            on mistakes.
        severity: "error" if training cannot work, "warning" if it will probably not
            learn what was intended, "advice" if it would probably learn better.
        message: one or two sentences with the names and values concerned.
        fix: the change of the program, often the line to write.
        where: the line of the program, as "file:line", if it is known.
    """

    code: str
    severity: Severity
    message: str
    fix: str = ""
    where: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()

    def block(self) -> str:
        """Return the finding as lines that fit the terminal, at most 88 characters."""
        where = f"  ({_nearby(self.where)})" if self.where else ""
        lines = [f"{self.severity:<8} {self.code}{where}", *_wrap(self.message, "  ")]
        if self.fix:
            lines += _wrap(self.fix, "  -> ")
        return "\n".join(lines)


class Findings(tuple[Finding, ...]):
    """Findings, the most severe first.

    Example:
        >>> from lamina.training.checks.findings import Finding, Findings
        >>> Findings([Finding("unscaled-input", "advice", "x is large.", "Divide it.")])
        1 finding
        advice   unscaled-input
          x is large.
          -> Divide it.
    """

    def __new__(cls, found: Iterable[Finding] = ()) -> Findings:
        ordered = sorted(found, key=lambda f: SEVERITIES.index(f.severity))
        return super().__new__(cls, dict.fromkeys(ordered))

    def of(self, *severities: Severity) -> Findings:
        """Return the findings of these severities."""
        return Findings(f for f in self if f.severity in severities)

    @property
    def codes(self) -> list[str]:
        """The codes, in order."""
        return [finding.code for finding in self]

    def __repr__(self) -> str:
        if not self:
            return "No findings"
        count = f"{len(self)} finding{'' if len(self) == 1 else 's'}"
        return "\n".join([count, *(f.block() for f in self)])

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No findings</p>"
        rows = "".join(map(_row, self))
        head = "<tr><th>Severity</th><th>Code</th><th>Finding</th><th>Fix</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _nearby(where: str) -> str:
    """Return a line of a program without the folder, if that is the working folder."""
    folder, name = os.path.split(where)
    return name if folder == os.getcwd() else where


def _wrap(text: str, start: str) -> list[str]:
    indent, lines = " " * len(start), text.splitlines()
    width = min(shutil.get_terminal_size().columns, _WIDTH)
    return [
        line
        for i, part in enumerate(lines)
        for line in textwrap.wrap(
            part,
            width,
            initial_indent=indent if i else start,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _row(finding: Finding) -> str:
    cells: list[Any] = [finding.severity, finding.code, finding.message, finding.fix]
    return "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"


def error_finding(error: Exception, where: str) -> Finding:
    """Return an error that lamina raised as a finding."""
    code, where = getattr(error, "code", "error"), getattr(error, "where", "") or where
    return Finding(code, "error", str(error), "", where)
