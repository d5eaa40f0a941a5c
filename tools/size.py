"""Print the sizes of files and functions, and check their limits.

python -m tools.size      one line per package; fails if a limit is exceeded
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCES = ("src", "tests", "tools", "benchmarks", "examples")
FILE_LIMIT = 500
SOURCE_FILE_LIMIT = 400
FUNCTION_LIMIT = 50
CLASS_LIMIT = 120
# The methods of these classes are Keras's, and most of their lines are signatures.
LARGE_CLASSES = {
    "Layer": "the public methods of Keras's layers",
    "Model": "the public methods of Keras's models",
    "Trainer": "signatures of `compile`, `fit`, `evaluate` and `predict`",
    "WeightOwner": "the public properties of Keras's layers about weights",
}


class Size(NamedTuple):
    path: Path
    lines: int
    functions: dict[str, int]  # body lines without the docstring, by name and line
    classes: dict[str, int]  # lines of code, by name

    def too_big(self) -> Iterator[str]:
        where = self.path.relative_to(ROOT)
        limit = SOURCE_FILE_LIMIT if where.parts[0] == "src" else FILE_LIMIT
        if self.lines > limit:
            yield f"{where}: {self.lines} lines, at most {limit}"
        for name, lines in self.functions.items():
            if lines > FUNCTION_LIMIT:
                yield f"{where}:{name}: {lines} lines, at most {FUNCTION_LIMIT}"
        for name, lines in self.classes.items():
            is_large = lines > CLASS_LIMIT and name not in LARGE_CLASSES
            if is_large and where.parts[0] == "src":
                yield f"{where}:{name}: {lines} lines of code, at most {CLASS_LIMIT}"


def python_files(*folders: str) -> list[Path]:
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


def measure(path: Path) -> Size:
    source = path.read_text(encoding="utf-8")
    lines, nodes = source.splitlines(), list(ast.walk(ast.parse(source)))
    functions = {
        f"{node.lineno} {node.name}": body_lines(node)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    classes = {
        node.name: code_lines(node, lines)
        for node in nodes
        if isinstance(node, ast.ClassDef)
    }
    return Size(path, len(lines), functions, classes)


def code_lines(cls: ast.ClassDef, lines: list[str]) -> int:
    """Count the lines of a class that are not blank, comments or docstrings."""
    texts = [
        node.body[0]
        for node in ast.walk(cls)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False)
    ]
    code = set(line_numbers(cls)).difference(*map(line_numbers, texts))
    return sum(lines[n - 1].strip()[:1] not in ("", "#") for n in code)


def line_numbers(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_docstring = ast.get_docstring(function, clean=False) is not None
    body = function.body[has_docstring:]
    return line_numbers(body[-1]).stop - body[0].lineno if body else 0


def package(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[2] if parts[0] == "src" else parts[0]


def report(sizes: list[Size]) -> str:
    by_package = defaultdict(list)
    for size in sizes:
        by_package[package(size.path)].append(size)
    heading = (
        f"{'':16}{'files':>6}{'lines':>8}{'longest':>9}   functions: median, longest"
    )
    return "\n".join([heading, *(line(name, by_package[name]) for name in by_package)])


def line(name: str, sizes: list[Size]) -> str:
    bodies = [lines for size in sizes for lines in size.functions.values()] or [0]
    lines = [size.lines for size in sizes]
    return (
        f"{name:16}{len(sizes):6}{sum(lines):8,}{max(lines):9}"
        f"{len(bodies):12}{statistics.median(bodies):8g}{max(bodies):9}"
    )


def main() -> None:
    sizes = [measure(path) for path in python_files(*SOURCES)]
    print(report(sizes))
    if complaints := [text for size in sizes for text in size.too_big()]:
        sys.exit("\n".join(["", *complaints]))


if __name__ == "__main__":
    main()
