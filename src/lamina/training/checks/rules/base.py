"""Registration and evaluation of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from lamina import config
from lamina.training.checks.case import Case
from lamina.training.checks.findings import Finding, Severity

# Message, fix, and the line to change if it is not that of `fit`.
Advice: TypeAlias = tuple[str, str] | tuple[str, str, str] | None


class LintRule(NamedTuple):
    """A function that recognizes one mistake.

    Args:
        code: its name in findings.
        severity: severity of its findings.
        each: attribute of `Case` whose items the function takes; "" for the case.
        function: returns a message, a fix and the line to change, or None.
    """

    code: str
    severity: Severity
    each: str
    function: Callable[[Any], Advice]

    @property
    def subject(self) -> str:
        """The file of the rule."""
        return self.function.__module__.rpartition(".")[2]

    def findings(self, case: Case) -> Iterator[Finding]:
        """Yield the rule's findings; none if a user's object makes it fail.

        Looking for mistakes must never be what stops a training.
        """
        with suppress(Exception):
            for item in getattr(case, self.each) if self.each else (case,):
                found = self.function(item)
                if found is not None:
                    yield Finding(self.code, self.severity, *found)


RULES: dict[str, LintRule] = {}
# Files of rules; mistakes of the first ones are most often why a model does not learn.
_SUBJECTS = ("outputs", "losses", "labels", "layers", "code", "arguments", "inputs")


def rule(
    code: str, severity: Severity, each: str = ""
) -> Callable[[Callable[[Any], Advice]], Callable[[Any], Advice]]:
    """Register a function as a rule; see `LintRule`."""

    def register(function: Callable[[Any], Advice]) -> Callable[[Any], Advice]:
        RULES[code] = LintRule(code, severity, each, function)
        return function

    return register


def find(case: Case) -> Iterator[Finding]:
    """Yield the findings of all rules that are not silenced, likely causes first."""
    silenced = config.silenced_checks()
    for each in sorted(RULES.values(), key=lambda rule: _SUBJECTS.index(rule.subject)):
        if each.code not in silenced:
            yield from each.findings(case)
