"""The sections with predictions: classes, numbers, and the rows behind them."""

from __future__ import annotations

from typing import Any

from lamina.report.html import Child, Markup, element, markup, part, table
from lamina.report.page.charts import Axis, Chart, figure
from lamina.report.page.confusion import confusions, matrix, sequences
from lamina.report.page.examples import example_list, row_cell
from lamina.report.run import Run
from lamina.report.text import number, percent

_SOURCES = {
    "validation": "validation rows",
    "training": "training rows",
    "given": "rows",
}
SCORES = {
    "accuracy": "accuracy",
    "baseline": "accuracy of the most frequent class",
    "calibration_error": "calibration error",
    "roc_auc": "area under the ROC curve",
    "average_precision": "average precision",
    "label_accuracy": "accuracy of single labels",
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "bias": "mean error",
    "r2": "R²",
}
_SHARES = ("accuracy", "baseline", "calibration_error", "label_accuracy")


def section(run: Run) -> Markup | None:
    """Return the section with the predictions of each output."""
    if not run.evaluation:
        return None
    several = len(run.evaluation) > 1
    return markup(_result(result, several) for result in run.evaluation)


def _result(result: dict[str, Any], several: bool) -> list[Child]:
    heading = element("h3", f"Output {result['name']}") if several else None
    if "total" not in result:  # a summary, from another page
        return [heading, scores(result["scores"])]
    total = result["total"]
    some = f" of {total:,}" if total and total > result["rows"] else ""
    what = _SOURCES[result["source"]]
    task = result["task"]
    parts: dict[str, list[Child]] = {"rows": []}
    if task in ("classes", "binary"):
        parts[task] = _classes(result)
    elif task == "labels":
        parts[task] = [_per_class(result, "Labels")]
    elif task == "numbers":
        parts[task] = _numbers(result)
    return [
        heading,
        element("p", f"Predicted {result['rows']:,}{some} {what}.", class_="note"),
        scores(result["scores"]),
        parts[task],
    ]


def scores(found: dict[str, float]) -> Markup:
    """Return scores as figures."""
    cells = [
        element(
            "div",
            element("dt", SCORES[name]),
            element("dd", score_text(name, value)),
        )
        for name, value in found.items()
    ]
    return element("dl", cells, class_="figures")


def score_text(name: str, value: float | None) -> str:
    """Return a score as text: a percentage or a number."""
    return percent(value) if name in _SHARES else number(value)


def _classes(result: dict[str, Any]) -> list[Child]:
    return [
        matrix(result),
        confusions(result),
        sequences(result),
        _per_class(result, "Classes"),
        _calibration(result),
        _thresholds(result),
    ]


def _per_class(result: dict[str, Any], title: str) -> Markup:
    names, columns = result["classes"], result["per_class"]
    rows = sorted(
        zip(names, *columns, strict=False), key=lambda row: (row[3] is None, row[3])
    )
    cells = [
        (name, _bar(precision), _bar(recall), number(f1, 3), f"{int(count):,}")
        for name, precision, recall, f1, count in rows
        if count or precision is not None
    ]
    head = (title, "Precision", "Recall", "#F1", "#Rows")
    note = "Sorted by F1, the lowest first."
    content = table("Precision and recall", head, cells)
    return part(f"{title}: precision and recall", note, content)


def _bar(share: float | None) -> Markup | str:
    if share is None:
        return "-"
    width = f"width: {share * 3.2:.2f}rem"
    bar = element("span", class_="bar", style=width, aria_hidden="true")
    return element("span", bar, percent(share), class_="with-bar")


def _calibration(result: dict[str, Any]) -> Markup:
    confidence, accuracy, rows = result["calibration"]
    points = list(zip(confidence, accuracy, strict=True))
    error = percent(result["scores"]["calibration_error"])
    chart = Chart(
        f"Accuracy by confidence; the calibration error is {error}.",
        Axis("confidence", 0, 1),
        Axis("accuracy", 0, 1),
    )
    chart.line([(0, 0), (1, 1)], "guide").line(points).dots(points, radius=3.5)
    counts = Chart(
        "Number of rows by confidence.",
        Axis("confidence", 0, 1),
        Axis("rows", 0, max(rows) * 1.05),
    )
    bars = [
        (int(c * 10 - 1e-9) / 10, int(c * 10 - 1e-9) / 10 + 0.1, n)
        for c, n in zip(confidence, rows, strict=True)
    ]
    text = (
        "If confidence were accuracy, the points would lie on the dashed line. Below "
        "it the model is too sure of its answers."
    )
    counts.bars(bars, "first")
    both = figure(chart, "Accuracy by confidence"), figure(counts, "Rows by confidence")
    return part("Calibration", text, element("div", both, class_="pair"))


def _thresholds(result: dict[str, Any]) -> Markup | None:
    found = result.get("thresholds")
    if found is None:
        return None
    recall, best = found["recall"], found["best"]
    rates = found["false_positive_rate"]
    unit = Axis("recall", 0, 1.02)
    roc = Chart("ROC curve.", Axis("false positive rate", 0, 1.02), unit)
    roc.line([(0, 0), (1, 1)], "guide").line(list(zip(rates, recall, strict=True)))
    roc.dots([(best["false_positive_rate"], best["recall"])], "second", 4)
    curve = Chart("Precision by recall.", unit, Axis("precision", 0, 1.02))
    curve.line(list(zip(recall, found["precision"], strict=True)))
    curve.dots([(best["recall"], best["precision"])], "second", 4)
    text = (
        f"F1 is highest, {number(best['f1'], 3)}, at a threshold of "
        f"{number(best['threshold'])}: precision {percent(best['precision'])}, recall "
        f"{percent(best['recall'])}. It is the dot in both charts."
    )
    pair = figure(roc, "ROC curve"), figure(curve, "Precision and recall")
    return part("Decision threshold", text, element("div", pair, class_="pair"))


def _numbers(result: dict[str, Any]) -> list[Child]:
    true, pred = result["scatter"]["true"], result["scatter"]["pred"]
    low, high = min(*true, *pred), max(*true, *pred)
    r2 = number(result["scores"]["r2"], 3)
    both = Axis.around("true", [low, high])
    scatter = Chart(
        f"Predicted against true values; R² is {r2}.",
        both,
        both._replace(label="predicted"),
    )
    scatter.line([(low, low), (high, high)], "guide")
    scatter.dots(list(zip(true, pred, strict=True)))
    counts, edges = result["residuals"]["counts"], result["residuals"]["edges"]
    residuals = Chart(
        "Histogram of predicted minus true values.",
        Axis.around("predicted minus true", edges),
        Axis("rows", 0, max(counts) * 1.05),
    )
    residuals.bars(list(zip(edges[:-1], edges[1:], counts, strict=True)), "first")
    pair = figure(scatter, "Predicted against true"), figure(residuals, "Residuals")
    return [
        element("div", pair, class_="pair"),
        element("h3", "Worst rows"),
        _worst(result["worst"]),
    ]


def _worst(rows: list[dict[str, Any]]) -> Markup:
    if any(row["kind"] == "image" for row in rows):
        noted = [
            {**r, "note": f"true {_few(r['true'])}, predicted {_few(r['pred'])}"}
            for r in rows
        ]
        return example_list(noted)
    inputs = (
        [name for name, _ in rows[0]["cells"]] if rows[0]["kind"] == "table" else []
    )
    head = ("#Row", "#True", "#Predicted", "#Error", *(f"#{n}" for n in inputs))
    cells = [
        (
            f"{row['row']:,}",
            _few(row["true"]),
            _few(row["pred"]),
            _few([p - t for p, t in zip(row["pred"], row["true"], strict=True)]),
            *(
                [number(v) if not isinstance(v, str) else v for _, v in row["cells"]]
                if inputs
                else []
            ),
        )
        for row in rows
    ]
    if not inputs:
        head = (*head, "Input")
        cells = [(*c, row_cell(row)) for c, row in zip(cells, rows, strict=True)]
    return table("Worst rows", head, cells)


def _few(values: list[float]) -> str:
    return ", ".join(number(v) for v in values)
