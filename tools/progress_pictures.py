"""Make the pictures of the progress display in the folder docs.

    python -m tools.progress_pictures

A terminal is captured by tmux while a model trains; a notebook's output is drawn by
Chromium. Both programs are needed.
"""

from __future__ import annotations

import functools
import io
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.text import Text

import lamina
from lamina import layers
from tools.report_pictures import screenshot

DOCS = Path(__file__).parents[1] / "docs"
ROWS, EPOCHS, PICTURED_EPOCH = 100_000, 6, 5
TIMEOUT = 120.0
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 12px; overflow: hidden; {colors} }}
body {{ font: 13px system-ui, sans-serif }}
table {{ border-collapse: collapse }}
th, td {{ padding: 2px 8px; text-align: right; white-space: nowrap }}
</style>{body}"""
THEMES = {
    "light": "background: #fff; color: #111",
    "dark": "background: #111; color: #eee; color-scheme: dark",
}


def train() -> None:
    """Train a model on data that it can overfit."""
    lamina.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 128)).astype("float32")
    y = (x @ rng.normal(size=(128, 10)) + 4 * rng.normal(size=(ROWS, 10))).argmax(1)
    model = lamina.Sequential(
        [
            lamina.Input((128,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=EPOCHS, validation_split=0.2)


def wait_for(look: Callable[[], str], pattern: str) -> str:
    """Call a function until its result has a pattern, and return the result."""
    end = time.monotonic() + TIMEOUT
    while not re.search(pattern, text := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{pattern!r} was not shown. The last lines:\n{text}")
        time.sleep(0.05)
    return text


def terminal_text(columns: int) -> str:
    """Return what a terminal shows in the middle of an epoch, with its colors."""
    server = ["tmux", "-L", f"lamina-pictures-{columns}"]
    call = "from tools.progress_pictures import train; train()"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(call)}"
    size = ["-x", str(columns), "-y", "24"]
    subprocess.run([*server, "new-session", "-d", *size, command], check=True)
    capture = [*server, "capture-pane", "-e", "-p"]
    look = functools.partial(subprocess.check_output, capture, text=True)
    try:
        moving = rf"Epoch {PICTURED_EPOCH}/{EPOCHS}.*━.*─.* left"
        return wait_for(look, moving).rstrip()
    finally:
        subprocess.run([*server, "kill-server"], check=False)


def terminal_picture(text: str, columns: int) -> str:
    """Return an SVG of lines with color codes, which loads no fonts."""
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title="python train.py", unique_id=f"progress-{columns}")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "monospace")


def notebook_html() -> str:
    """Return the HTML that a notebook shows in the middle of an epoch."""
    shown: list[str] = []

    def display(data: dict[str, str], **_: Any) -> Any:
        def update(data: dict[str, str], **_: Any) -> None:
            shown.append(data["text/html"])

        update(data)
        return SimpleNamespace(update=update)

    ipython, submodule = ModuleType("IPython"), ModuleType("IPython.display")
    shell = SimpleNamespace(kernel=None)
    vars(ipython).update(get_ipython=lambda: shell)
    vars(submodule).update(display=display)
    modules = {"IPython": ipython, "IPython.display": submodule}
    with patch.dict(sys.modules, modules):
        train()
    moving = f"<b>Epoch {PICTURED_EPOCH}/{EPOCHS}</b>"
    return next(text for text in shown if moving in text and "left" in text)


def draw(body: str, colors: str, target: Path) -> None:
    """Draw HTML into a picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(PAGE.format(colors=colors, body=body), encoding="utf-8")
        screenshot(page, target, "760,240", "--force-device-scale-factor=1.5")


def main() -> None:
    """Write all pictures."""
    for columns in (80, 120):
        path = DOCS / f"progress-{columns}-columns.svg"
        path.write_text(
            terminal_picture(terminal_text(columns), columns), encoding="utf-8"
        )
        print(path.name)
    body = notebook_html()
    for theme, colors in THEMES.items():
        path = DOCS / f"progress-notebook-{theme}.png"
        draw(body, colors, path)
        print(path.name)


if __name__ == "__main__":
    main()
