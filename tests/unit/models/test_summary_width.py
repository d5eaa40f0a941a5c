"""The names in a summary of nested models stay readable at 80 columns."""

from __future__ import annotations

import re

import lamina
from lamina import layers


def nested() -> lamina.Model:
    head = lamina.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dense(10, name="projection_head")],
        name="head_of_the_model",
    )
    backbone = lamina.Sequential(
        [
            lamina.Input((32, 32, 3)),
            layers.Conv2D(8, 3, name="feature_extractor_convolution_1"),
            layers.BatchNormalization(name="feature_extractor_normalization_1"),
            head,
        ],
        name="feature_extractor_backbone",
    )
    left, right = lamina.Input((32, 32, 3)), lamina.Input((32, 32, 3))
    joined = layers.Concatenate()([backbone(left), backbone(right)])
    return lamina.Model([left, right], layers.Dense(1)(joined))


def column(text: str, index: int) -> list[str]:
    rows = [line.split("│") for line in text.splitlines() if line.startswith("│")]
    return [cells[index + 1].rstrip() for cells in rows]


def test_nested_names_break_between_words_and_stay_indented():
    texts: list[str] = []
    model = nested()
    model.summary(line_length=80, expand_nested=True, print_fn=texts.append)
    assert max(map(len, texts[0].splitlines())) <= 80
    lines = [line[1:] for line in column(texts[0], 0)]
    assert "   └ feature_extractor_\n     convolution_1" in "\n".join(lines)
    parts = {re.sub(r"[└(),]", "", line).strip() for line in lines}
    assert {"normalization_1", "BatchNormalization", "head_of_the_model"} <= parts
    # Connections break after an underscore or a comma, never within a word.
    connected = " ".join(line.strip() for line in column(texts[0], 3))
    assert connected.replace("_ ", "_").count("feature_extractor_backbone") == 2


def test_names_that_fit_are_not_wrapped():
    texts: list[str] = []
    nested().summary(line_length=160, expand_nested=True, print_fn=texts.append)
    assert "└ feature_extractor_normalization_1 (BatchNormalization)" in texts[0]
