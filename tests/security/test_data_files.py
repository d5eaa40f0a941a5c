"""Damaged and hostile images, sounds, vocabularies and tokenizers are refused."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamina import errors, layers, utils
from lamina.compat.keras.preprocessing.text import Tokenizer, tokenizer_from_json


def png(width: int, height: int, pixels: bytes = b"", extra: bytes = b"") -> bytes:
    """Return a gray image; `extra` holds chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + end


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def wav(rate: int, samples: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    content = form + b"data" + struct.pack("<I", 2 * samples) + bytes(2 * samples)
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WAVE" + content


IMAGES = {
    "truncated": png(64, 64, bytes(100)),
    "text": b"not an image",
    "pixels of gigabytes": png(60_000, 60_000),
    "text of megabytes": png(
        8, 8, bytes(72), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(70_000_000)))
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_refused_by_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a" / "image.png"
    path.parent.mkdir()
    path.write_bytes(IMAGES[name])
    with pytest.raises(errors.FileFormatError, match=r"image\.png' cannot be read as"):
        utils.load_img(path)
    data = utils.image_dataset_from_directory(tmp_path, verbose=False)
    with pytest.raises(errors.DataError, match=r"image\.png' cannot be read as"):
        list(data)


@pytest.mark.parametrize("ending", ["png", "wav"])
def test_pipes_among_files_are_refused(ending: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / f"pipe.{ending}")
    read: Any = utils.image_dataset_from_directory
    read = read if ending == "png" else utils.audio_dataset_from_directory
    with pytest.raises(errors.MissingFileError, match="pipe"):
        list(read(tmp_path, verbose=False))


def test_sounds_are_not_resampled_beyond_memory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "sound.wav").write_bytes(wav(1, 100_000))
    data = utils.audio_dataset_from_directory(
        tmp_path, sampling_rate=2**31 - 1, verbose=False
    )
    with pytest.raises(errors.DataError, match="`sampling_rate`"):
        list(data)


@pytest.mark.parametrize("line", ["two", "9" * 10_000, "9" * 30])
def test_vocabulary_of_integers_holds_integers(line: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"1\n{line}\n", encoding="utf-8")
    with pytest.raises(errors.ArgumentError, match="must hold integers"):
        layers.IntegerLookup(vocabulary=path)


def test_texts_to_adapt_to_are_regular_files_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    layer = layers.TextVectorization()
    with pytest.raises(errors.MissingFileError, match="texts"):
        layer.adapt(path)
    path.write_bytes(b"good\n\xff\xfe\n")
    with pytest.raises(errors.FileFormatError, match="UTF-8"):
        layer.adapt(path)
    path.write_text("one two\ntwo\n", encoding="utf-8")
    layer.adapt(path)
    assert layer.get_vocabulary() == ["", "[UNK]", "two", "one"]


def tokenizer(**changes: Any) -> str:
    given = Tokenizer().get_config() | changes
    return json.dumps({"class_name": "Tokenizer", "config": given})


TEXTS: dict[str, Callable[[], str]] = {
    "no JSON": lambda: "{",
    "a list": lambda: "[]",
    "no config": lambda: "{}",
    "deep": lambda: "[" * 100_000,
    "a deep table": lambda: tokenizer(word_index="[" * 100_000),
    "a table of lists": lambda: tokenizer(word_counts='{"a": [1]}'),
    "a list of words": lambda: tokenizer(word_docs="[]"),
    "no table": lambda: tokenizer(index_docs="null"),
    "a number as table": lambda: tokenizer(word_index=3),
    "words as indices": lambda: tokenizer(index_word='{"a": "b"}'),
    "repeated words": lambda: tokenizer(word_index='{"a": 1, "a": 2}'),
    "NaN": lambda: tokenizer(num_words=float("nan")),
    "filters": lambda: tokenizer(filters=3),
}


@pytest.mark.parametrize("name", TEXTS)
def test_tokenizers_are_refused(name: str) -> None:
    with pytest.raises(errors.FileFormatError):
        tokenizer_from_json(TEXTS[name]())


def test_a_loaded_tokenizer_counts_further_texts() -> None:
    first = Tokenizer(num_words=5)
    first.fit_on_texts(["b a b"])
    second = tokenizer_from_json(first.to_json())
    for each in (first, second):
        each.fit_on_texts(["c c c c"])
    assert second.get_config() == first.get_config()
    assert second.texts_to_sequences(["a b c"]) == [[3, 2, 1]]
