"""Import order, sizes, and public names of the code."""

from __future__ import annotations

import ast
import graphlib
import inspect
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.api_snapshot import SNAPSHOT, public_names, snapshot
from tools.size import ROOT, SOURCES, measure, python_files

# A package may import itself and those before it.
ORDER = (
    "version",
    "errors",
    "typing",
    "value_errors",
    "tracebacks",
    "limits",
    "execution",
    "config",
    "garbage",
    "lazy",
    "progress",
    "core",
    "io",
    "display",
    "runtime",
    "tree",
    "random",
    "dtype_policies",
    "ops",
    "distribution",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "layers",
    "kernels",
    "losses",
    "metrics",
    "optimizers",
    "mixed_precision",
    "data",
    "training",
    "diagrams",
    "report",
    "trackers",
    "callbacks",
    "saving",
    "tuning",
    "models",
    "datasets",
    "applications",
    "legacy",
    "utils",
    "visualization",
    "distillation",
    "wrappers",
    "preprocessing",
    "backend",
    "demo",
    "compat",
    "cli",
    "__main__",
)
PACKAGE = ROOT / "src" / "lamina"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def trees() -> dict[str, ast.Module]:
    return {
        module_name(path): ast.parse(path.read_text(encoding="utf-8"))
        for path in python_files("src")
    }


def imported(statement: ast.AST) -> Iterator[str]:
    """The modules of lamina that a statement imports."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        module = "." * statement.level + (statement.module or "")
        for alias in statement.names:
            inner = f"{module}.{alias.name}"
            yield inner if inner in trees() else module


def internal_imports(*nodes: ast.AST) -> set[str]:
    below = (inner for node in nodes for inner in ast.walk(node))
    statements = (n for n in below if isinstance(n, ast.Import | ast.ImportFrom))
    names = {name for statement in statements for name in imported(statement)}
    return {name for name in names if re.match(r"\.|lamina\b", name)}


def is_for_types(node: ast.AST) -> bool:
    """Return whether a statement is an `if TYPE_CHECKING` block."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def imports_by_module() -> dict[str, set[str]]:
    return {module: internal_imports(tree) for module, tree in trees().items()}


def order(module: str) -> int:
    """Return the index of a module's package in ORDER; the root package is last."""
    package = module.split(".")[1:2]
    return ORDER.index(package[0]) if package else len(ORDER)


def test_every_package_is_in_the_order():
    packages = {module.split(".")[1] for module in trees() if "." in module}
    assert packages - set(ORDER) == set(), "name the new package in ORDER"


def test_imports_go_to_earlier_packages():
    imports = {
        (module, name)
        for module, names in imports_by_module().items()
        for name in names
    }
    relative = {pair for pair in imports if pair[1].startswith(".")}
    assert relative == set(), "write absolute imports"
    assert {pair for pair in imports if order(pair[1]) > order(pair[0])} == set()


def test_imports_have_no_cycle():
    run = {
        module: internal_imports(*(n for n in tree.body if not is_for_types(n)))
        for module, tree in trees().items()
    }
    graphlib.TopologicalSorter(run).prepare()


def test_functions_import_nothing_of_lamina():
    importing = {
        f"{module}.{node.name}"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, Function) and internal_imports(node)
    }
    assert importing == set()


def test_files_classes_and_functions_are_small():
    sizes = [measure(path) for path in python_files(*SOURCES)]
    assert [text for size in sizes for text in size.too_big()] == []


def test_folders_have_at_most_14_files():
    folders = Counter(path.parent for path in python_files("src"))
    crowded = {f.name for f, count in folders.items() if count > 14}
    assert crowded <= {"lamina", "datasets", "applications"}


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in a fresh Python that are not part of Python."""
    code = f"{statement}; import json, sys; print(json.dumps(list(sys.modules)))"
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    names = {name.partition(".")[0] for name in json.loads(output)}
    return names - sys.stdlib_module_names


def test_import_lamina_loads_only_jax_and_numpy():
    extra = loaded_after("import lamina") - loaded_after("import jax, numpy")
    assert extra == {"lamina"}


def test_public_names_are_those_of_the_snapshot():
    assert snapshot() == SNAPSHOT.read_text(encoding="utf-8"), (
        "the public interface changed; if it should, run python -m tools.api_snapshot"
    )


PUBLIC = dict(public_names())
PUBLIC_MODULES = {n: v for n, v in PUBLIC.items() if inspect.ismodule(v)}


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_completion_of_a_module_shows_only_public_names(name):
    module = PUBLIC_MODULES[name]
    assert sorted(dir(module)) == sorted(module.__all__)


def test_public_modules_hide_no_function_of_their_name():
    # A file that is named like a function takes the function's place when imported.
    parents = {name.rpartition(".")[0] for name in PUBLIC_MODULES}
    names = (
        "applications",
        "datasets",
        "legacy",
        "ops",
        "optimizers",
        "preprocessing",
        "utils",
    )
    assert parents == {"lamina", *(f"lamina.{name}" for name in names)}


def public_methods(value: type) -> Iterator[str]:
    for name in vars(value):
        if not name.startswith("_") and callable(getattr(value, name)):
            yield name


def test_public_names_have_docstrings():
    texts = {
        name: value.__doc__
        for name, value in PUBLIC.items()
        if inspect.ismodule(value) or callable(value)
    }
    texts |= {
        f"{name}.{method}": inspect.getdoc(getattr(value, method))
        for name, value in PUBLIC.items()
        if inspect.isclass(value)
        for method in public_methods(value)
    }
    assert [name for name, text in texts.items() if not text] == []


def test_docstrings_of_public_names_have_an_example():
    values = {name: value for name, value in PUBLIC.items() if callable(value)}
    without = [n for n, v in values.items() if "Example:\n" not in (v.__doc__ or "")]
    assert without == [], "add an `Example:` after the arguments"


QUESTION = re.compile(r"(What|How|Which|Where|When|Why|Who)\b")


def test_docstrings_begin_with_no_question_word():
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        f"{module}:{getattr(node, 'name', '')}": ast.get_docstring(node) or ""
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    }
    assert [name for name, text in found.items() if QUESTION.match(text)] == []


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Functions and methods without an underscore, in classes without one."""
    for node in tree.body:
        body = node.body if isinstance(node, ast.ClassDef) else [node]
        if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
            continue
        for item in body:
            is_function = isinstance(item, Function)
            if is_function and (item.name == "__init__" or item.name[0] != "_"):
                yield item


def bare_arguments(function: Function) -> list[str]:
    named = function.args
    arguments = [*named.posonlyargs, *named.args, *named.kwonlyargs]
    arguments += [argument for argument in (named.vararg, named.kwarg) if argument]
    return [
        f"{function.lineno} {function.name}: {argument.arg}"
        for argument in arguments
        if argument.annotation is None and argument.arg not in ("self", "cls")
    ]


def test_arguments_of_public_functions_are_annotated():
    found = [
        f"{module}:{argument}"
        for module, tree in trees().items()
        for function in public_functions(tree)
        for argument in bare_arguments(function)
    ]
    assert found == []


def project_texts() -> list[Path]:
    suffixes = {".py", ".md", ".toml", ".sh", ".txt"}
    below = [path for name in (*SOURCES, "docs") for path in (ROOT / name).rglob("*")]
    paths = [*below, *ROOT.glob("*"), *(ROOT / ".ci").glob("*")]
    texts = {".ci", "tools"}
    return [
        path
        for path in paths
        if path.suffix in suffixes
        or (path.is_file() and not path.suffix and path.parent.name in texts)
    ]


# Split, so that this file does not find itself.
UNWANTED = {
    "a part of JAX that is not public": r"\bjax\._" + r"src\b",
    "a folder of somebody's machine": r"(?<![\w./-])/(wo"
    + r"rk|op"
    + r"t|ro"
    + r"ot|tm"
    + r"p)/",
    "an unfinished place": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what):
    pattern = re.compile(UNWANTED[what])
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in project_texts()
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
