"""Make the pictures of a report in the folder docs; needs Chromium.

python -m tools.report_pictures
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import lamina
from lamina import layers

DOCS = Path(__file__).parents[1] / "docs"
SIZE = "820,1180"
# Blink's names of the themes that a page asks for.
THEMES = {"light": "1", "dark": "0"}


def write_report(path: Path) -> None:
    """Train a model of handwritten digits, and write its report."""
    lamina.utils.set_random_seed(0)
    (x, y), _ = lamina.datasets.digits.load_data()
    stack = [
        lamina.Input((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
    model = lamina.Sequential(stack, name="digits")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = x[..., None] / 16.0
    model.fit(x, y, epochs=40, validation_split=0.2, seed=1, verbose=0, report=path)


def screenshot(page: Path, path: Path, size: str, *options: str) -> None:
    """Draw the top of a page, at most `size` wide and high, into a picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
            *(f"--user-data-dir={profile}", f"--window-size={size}", *options),
            *(f"--screenshot={path}", page.as_uri()),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    """Make the pictures of both themes."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "digits.html"
        write_report(page)
        for theme, value in THEMES.items():
            options = (
                f"--blink-settings=preferredColorScheme={value}",
                "--virtual-time-budget=3000",
            )
            screenshot(page, DOCS / f"report-{theme}.png", SIZE, *options)


if __name__ == "__main__":
    main()
