"""Record what Keras does with the wrong programs of docs/mistakes.md.

    KERAS_BACKEND=jax python -m tools.record_mistakes

Each program trains for 100 epochs in Keras instead of lamina. The results are stored in
tests/oracles/mistakes.json and written into the page, below each heading and as a table
at its top. Programs that did not change are not run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mistakes.md"
RECORD = ROOT / "tests" / "oracles" / "mistakes.json"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
KERAS = "Keras 3.15.1"
_EPOCHS = 100
_MOST_TEXT = 110
_TITLES = {"val_loss": "validation loss"}
_KINDS = ("error before the first step", "error later", "warning or advice", "silent")


class Page:
    """Programs of the page on mistakes.

    Args:
        text: the page; the file's content by default.
    """

    def __init__(self, text: str | None = None) -> None:
        self.text = PAGE.read_text(encoding="utf-8") if text is None else text
        introduction, *sections = re.split(r"^### ", self.text, flags=re.MULTILINE)
        self.preparation = BLOCK.findall(introduction)[-1]
        self.sections = {c: t for c, t in (s.split("\n", 1) for s in sections)}

    def programs(self, code: str) -> list[str]:
        """Return the wrong program and the corrected one."""
        return BLOCK.findall(self.sections[code])

    def digest(self, code: str) -> str:
        """Return a checksum of what a record depends on."""
        text = "".join([self.preparation, *self.programs(code)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def severity(self, code: str) -> str:
        """Return the severity of a code's findings."""
        return self.sections[code].split(".")[0].strip().lower()


class Observer:
    """Runs of `fit` in Keras: longer ones, whose steps are counted."""

    def __init__(self) -> None:
        self.steps = 0
        self.result: dict[str, float] = {}

    def patched(self, fit: Callable[..., Any]) -> Callable[..., Any]:
        """Return a `fit` that trains for 100 epochs and stores its results."""
        import keras

        def count(batch: int, logs: Any = None) -> None:
            self.steps += 1

        def call(model: Any, x: Any, y: Any = None, **options: Any) -> Any:
            counter = keras.callbacks.LambdaCallback(on_train_batch_end=count)
            callbacks = [counter, *options.pop("callbacks", [])]
            first = options.get("initial_epoch", 0)
            trains = options.get("epochs", first + 1) > first
            last = first + (_EPOCHS if trains else 0)
            options = {**options, "epochs": last, "verbose": 0}
            history = fit(model, x, y, callbacks=callbacks, **options)
            logs = {name: float(v[-1]) for name, v in history.history.items()}
            rows = model.predict(x, options.get("batch_size"), verbose=0)
            self.result = {**_score(rows, y), **logs}
            return history

        return call


def _score(prediction: np.ndarray, y: Any) -> dict[str, float]:
    """Return the accuracy for classes and R² for other targets."""
    true, got = np.asarray(y), np.asarray(prediction, "float64")
    is_continuous = true.dtype.kind == "f" and not np.isin(true, [0, 1]).all()
    if is_continuous and got.size == true.size:
        residual = ((got.reshape(true.shape) - true) ** 2).sum()
        return {
            "R²": float(1 - residual / max(((true - true.mean()) ** 2).sum(), 1e-9))
        }
    if got.shape[-1] == 1:
        return {"accuracy": float(np.mean((got.ravel() > 0.5) == true.ravel()))}
    if true.shape == got.shape and (true.sum(-1) != 1).any():
        return {"accuracy": float(np.mean((got > 0.5) == true))}
    indices = true.argmax(-1) if true.shape == got.shape else true.ravel()
    return {"accuracy": float(np.mean(got.argmax(-1) == indices))}


def observe(preparation: str, program: str) -> dict[str, Any]:
    """Run a program in Keras.

    Returns:
        Its `kind` ("error", "warning" or "silent"), the `steps` before an error or the
        first warning, its `text`, and the `result`.
    """
    import keras

    code = f"{preparation}\n{program}"
    code = re.sub(
        r"^import lamina$", "import keras as lamina", code, flags=re.MULTILINE
    )
    code = code.replace("from lamina import", "from keras import")
    keras.utils.set_random_seed(0)
    observer, said = Observer(), list[tuple[int, str]]()

    def warn(message: Any, *_: Any, **__: Any) -> None:
        said.append((observer.steps, str(message)))

    fit = mock.patch.object(keras.Model, "fit", observer.patched(keras.Model.fit))
    heard = mock.patch.object(warnings, "warn", warn)
    with fit, heard, contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(code, {"__name__": "mistake"})
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return {"kind": "error", "steps": observer.steps, "text": text}
    found: dict[str, Any] = {"kind": "silent", "result": observer.result}
    if said:
        found |= {"kind": "warning", "steps": said[0][0], "text": said[0][1]}
    return found


def sentence(record: dict[str, Any]) -> str:
    """Return what Keras does with a wrong program, as a paragraph of the page."""
    wrong, right = record["wrong"], record["right"].get("result", {})
    text = f"{KERAS}: {_event(wrong)}"
    result = wrong.get("result")
    if result is not None:
        name = _telling(result)
        text += f"; {_TITLES.get(name, name)} {_number(result[name])} after {_EPOCHS} "
        text += "epochs"
        if name in right:
            text += f", {_number(right[name])} when corrected"
    return "\n".join(
        textwrap.wrap(f"{text}.", 88, break_long_words=False, break_on_hyphens=False)
    )


def _event(wrong: dict[str, Any]) -> str:
    if wrong["kind"] == "silent":
        return "silent"
    steps = wrong["steps"]
    when = f"after step {steps}" if steps else "before the first step"
    return f"{wrong['kind']} {when}: `{_first_line(wrong['text'])}`"


def _first_line(text: str) -> str:
    lines = re.sub(r"\x1b\[\d*m", "", text).replace("`", "'").split("\n")
    # Keras puts the name of the layer before the message.
    if "Exception encountered when calling" in lines[0]:
        lines = [line for line in lines[1:] if line.strip()]
    line = " ".join(lines[0].split())
    return line if len(line) <= _MOST_TEXT else f"{line[: _MOST_TEXT - 3].rstrip()}..."


def _telling(result: dict[str, float]) -> str:
    """Return the name of the result that shows a mistake best."""
    if "val_loss" in result or np.isnan(result.get("loss", 0)):
        return "val_loss" if "val_loss" in result else "loss"
    return next(name for name in (*list(result)[1:], *result) if "loss" not in name)


def _number(value: float) -> str:
    return "NaN" if np.isnan(value) else f"{value:.2f}"


def kind_of(wrong: dict[str, Any]) -> str:
    """Return a record's row in the table."""
    if wrong["kind"] == "error":
        return _KINDS[1] if wrong["steps"] else _KINDS[0]
    return _KINDS[2] if wrong["kind"] == "warning" else _KINDS[3]


def table(page: Page, records: dict[str, Any]) -> str:
    """Return the table of how many programs end how, in lamina and in Keras."""
    keras = Counter(kind_of(records[code]["wrong"]) for code in page.sections)
    own = Counter(page.severity(code) for code in page.sections)
    lamina = {
        "error before the first step": own["error"],
        "warning or advice": own["warning"] + own["advice"],
    }
    rows = [
        f"| {len(page.sections)} wrong programs | lamina | {KERAS} |",
        "|---|---|---|",
    ]
    rows += [f"| {kind} | {lamina.get(kind, 0)} | {keras[kind]} |" for kind in _KINDS]
    return "\n".join(rows)


def written(page: Page, records: dict[str, Any]) -> str:
    """Return the page's text with the records in it."""
    introduction, *sections = re.split(r"^(?=### )", page.text, flags=re.MULTILINE)
    before, _, after = re.split(r"\n(\|.*\n)+", introduction)
    introduction = f"{before}\n{table(page, records)}\n{after}"
    return introduction + "".join(_with_sentence(s, records) for s in sections)


def _with_sentence(section: str, records: dict[str, Any]) -> str:
    code = section.removeprefix("### ").split("\n", 1)[0]
    description, programs = section.split("\n```python\n", 1)
    description = description.split(f"\n{KERAS}: ")[0]
    return f"{description}\n{sentence(records[code])}\n\n```python\n{programs}"


def _recorded(page: Page, known: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for code in page.sections:
        record = known.get(code)
        if record is None or record["programs"] != page.digest(code):
            wrong, right = (
                observe(page.preparation, program) for program in page.programs(code)
            )
            record = {"programs": page.digest(code), "wrong": wrong, "right": right}
            print(f"{code}: {sentence(record)}", flush=True)
        yield code, record


def main() -> None:
    """Run the programs that changed, and write the record and the page."""
    page = Page()
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    records = dict(_recorded(page, known))
    text = json.dumps(records, indent=1, ensure_ascii=False)
    RECORD.write_text(f"{text}\n", encoding="utf-8")
    PAGE.write_text(written(page, records), encoding="utf-8")


if __name__ == "__main__":
    main()
