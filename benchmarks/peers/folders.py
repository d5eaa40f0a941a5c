"""One epoch over a folder of JPEGs, by libraries that read them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.claim import Round
from benchmarks.memory import resident_bytes

SIZE, BATCH, CLASSES = 160, 32, 10


def write_photos(folder: Path, count: int) -> None:
    """Write JPEGs with the detail of photographs, about 8 KB each."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8))
        img = coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        place = folder / f"class_{i % CLASSES}"
        place.mkdir(exist_ok=True)
        img.save(place / f"{i:05}.jpg", quality=90)


def rounds(make: Callable[[Path], Iterable[Any]], quick: bool) -> Round:
    """Return rounds of one epoch each; the folder lasts as long as they do."""
    folder = tempfile.TemporaryDirectory()
    count = 1_000 if quick else 5_000
    write_photos(Path(folder.name), count)
    batches = make(Path(folder.name))

    def epoch() -> dict[str, float]:
        before, rows, start = resident_bytes(), 0, perf_counter()
        for x, y in batches:
            rows += len(y)
            assert x.shape[0] == len(y)
        assert rows == count and Path(folder.name).exists()
        return {"epoch": perf_counter() - start, "growth": resident_bytes() - before}

    return epoch


def lamina(quick: bool, size: int = SIZE) -> Round:
    from lamina.utils import image_dataset_from_directory

    return rounds(
        lambda folder: image_dataset_from_directory(
            folder, batch_size=BATCH, image_size=(size, size), verbose=False
        ),
        quick,
    )


def torchvision(quick: bool, workers: int, size: int = SIZE) -> Round:
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [transforms.Resize((size, size)), transforms.ToTensor()]

    def make(folder: Path) -> Iterable[Any]:
        data = datasets.ImageFolder(str(folder), transforms.Compose(steps))
        return DataLoader(data, BATCH, shuffle=True, num_workers=workers)

    return rounds(make, quick)
