"""Data sets of the lines of CSV files."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data.dataset import Dataset
from lamina.compat.tensorflow.data.sources import Filenames, matching_files, paths
from lamina.errors import ArgumentError

Parse = Callable[[str], Any]


def _open(path: str, compression_type: str | None) -> TextIO:
    if compression_type == "GZIP":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def _rows(
    files: Sequence[str], compression_type: str | None, header: bool, delimiter: str
) -> Iterator[list[str]]:
    for path in files:
        with _open(path, compression_type) as file:
            yield from itertools.islice(
                (row for row in csv.reader(file, delimiter=delimiter) if row),
                int(header),
                None,
            )


def _parser(default: Any, missing: str) -> Parse:
    """Return a function of the text of a value; the default has its type."""
    names = ("float32", "float64", "int32", "int64", "string")
    array = np.asarray(default)
    is_type = isinstance(default, str) and default in names
    first = None if is_type else next(iter(array.reshape(-1).tolist()), None)
    kind = str(default) if is_type else array.dtype.name
    is_text = kind == "string" if is_type else array.dtype.kind in "OSU"
    number = np.float32 if "float" in kind else np.int32

    def parse(text: str) -> Any:
        if text != missing and text:
            return on_host(text if is_text else number(float(text)))
        if first is None:
            raise ArgumentError(
                "A value is missing in a CSV file. Give its column a default, such as "
                "`record_defaults=[0.0]`."
            )
        return on_host(first if is_text else number(first))

    return parse


class CsvDataset(Dataset):
    """Data set of the lines of CSV files, as tuples of values.

    Args:
        filenames: a path, or several.
        record_defaults: for each column, its type, or the value of missing ones.
        compression_type: "GZIP" or `None`.
        buffer_size: has no effect.
        header: whether the first line has the names of the columns.
        field_delim: text between values.
        use_quote_delim: has no effect.
        na_value: text of missing values.
        select_cols: indices of the columns.
        exclude_cols: indices of the columns that are left out.
    """

    def __init__(
        self,
        filenames: Filenames,
        record_defaults: Sequence[Any],
        compression_type: str | None = None,
        buffer_size: int | None = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ) -> None:
        parsers = [_parser(default, na_value) for default in record_defaults]

        def iterate() -> Iterator[Any]:
            found = paths(filenames)
            for row in _rows(found, compression_type, header, field_delim):
                left = [v for i, v in enumerate(row) if i not in (exclude_cols or ())]
                values = [row[i] for i in select_cols] if select_cols else left
                pairs = zip(parsers, values, strict=True)
                yield tuple(parse(value) for parse, value in pairs)

        super().__init__(iterate)


def make_csv_dataset(
    file_pattern: Filenames,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: str | None = None,
    ignore_errors: bool = False,
) -> Dataset:
    """Return batches of the columns of CSV files: dictionaries, or pairs with a label.

    Args:
        file_pattern: a path or pattern, or several.
        batch_size: number of lines in a batch.
        column_names: names of the columns; those of the first line by default.
        column_defaults: types or defaults of the selected columns; by default the
            types are those of the first lines.
        label_name: name of the column that is returned apart.
        select_columns: names or indices of the columns.
        field_delim: text between values.
        use_quote_delim: has no effect.
        na_value: text of missing values.
        header: whether the first line has the names of the columns.
        num_epochs: number of times that the lines are read; infinitely by default.
        shuffle: whether the lines are shuffled.
        shuffle_buffer_size: number of lines among which the next is chosen.
        shuffle_seed: seed of the order.
        prefetch_buffer_size: has no effect.
        num_parallel_reads: has no effect.
        sloppy: has no effect.
        num_rows_for_inference: number of lines that tell the types.
        compression_type: "GZIP" or `None`.
        ignore_errors: has no effect: errors are raised.

    Raises:
        ArgumentError: no file matches, or there is no column `label_name`.
    """
    files = matching_files(file_pattern)
    if column_names is None:
        column_names = next(_rows(files, compression_type, False, field_delim))
    chosen = list(column_names if select_columns is None else select_columns)
    names = [column_names[c] if isinstance(c, int) else c for c in chosen]
    if label_name is not None and label_name not in names:
        raise ArgumentError(f"label_name must be one of {names}, got {label_name!r}.")
    order = {name: list(column_names).index(name) for name in names}

    def read() -> Iterator[list[str]]:
        return _rows(files, compression_type, header, field_delim)

    if column_defaults is None:
        sample = list(itertools.islice(read(), num_rows_for_inference))
        column_defaults = [
            _inferred([row[i] for row in sample], na_value) for i in order.values()
        ]
    defaults = zip(order, column_defaults, strict=True)
    parsers = {name: _parser(default, na_value) for name, default in defaults}

    def iterate() -> Iterator[Any]:
        return (_item(row, order, parsers, label_name) for row in read())

    dataset = Dataset(iterate)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    dataset = dataset.repeat(num_epochs)
    return dataset.batch(batch_size, drop_remainder=num_epochs is None)


def _item(
    row: Sequence[str],
    order: Mapping[str, int],
    parsers: Mapping[str, Parse],
    label: str | None,
) -> Any:
    """Return the columns of a line by name, and its label."""
    values = {name: parsers[name](row[index]) for name, index in order.items()}
    return values if label is None else (values, values.pop(label))


def _inferred(values: Sequence[str], missing: str) -> Any:
    """Return the default of a column, which has its type."""
    present = [v for v in values if v not in ("", missing)]
    if all(_is(int, value) for value in present):
        return 0
    return 0.0 if all(_is(float, value) for value in present) else ""


def _is(kind: type[int] | type[float], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True
