"""`tensorflow.data`, against recorded semantics of TensorFlow."""

from __future__ import annotations

import gzip

import jax
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import lamina
from lamina.errors import ArgumentError, ArgumentTypeError, DataError


def dataset(count: int):
    import tensorflow as tf

    return tf.data.Dataset.range(count)


def parity(n):
    return n % 2 == 0


CASES = [
    ("batch", lambda d: d.batch(2), [[0, 1], [2, 3], [4]], 3),
    ("full batches", lambda d: d.batch(2, drop_remainder=True), [[0, 1], [2, 3]], 2),
    ("filter", lambda d: d.filter(parity), [0, 2, 4], -2),
    ("map", lambda d: d.map(lambda n: (n, 2 * n)).take(2), [[0, 0], [1, 2]], 2),
    ("enumerate", lambda d: d.enumerate(3).take(1), [[3, 0]], 1),
    ("concatenate", lambda d: d.take(1).concatenate(d.skip(4)), [0, 4], 2),
    ("zip", lambda d: type(d).zip((d.take(2), d.skip(1))), [[0, 1], [1, 2]], 2),
    ("zip of arguments", lambda d: type(d).zip(d.take(1), d), [[0, 0]], 1),
    ("repeat", lambda d: d.take(2).repeat(2), [0, 1, 0, 1], 4),
    ("endless", lambda d: d.repeat().skip(4).take(2), [4, 0], 2),
    ("shard", lambda d: d.shard(2, 1), [1, 3], 2),
    ("unbatch", lambda d: d.batch(3).unbatch(), [0, 1, 2, 3, 4], -2),
    ("take while", lambda d: d.take_while(lambda n: n < 2), [0, 1], -2),
    ("prefetch", lambda d: d.prefetch(-1).take(1), [0], 1),
    ("cache", lambda d: d.cache().take(2), [0, 1], 2),
    (
        "windows",
        lambda d: d.window(3, shift=1, drop_remainder=True).flat_map(
            lambda w: w.batch(3)
        ),
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]],
        -2,
    ),
    (
        "windows of several lengths",
        lambda d: d.window(2, shift=3).flat_map(lambda w: w),
        [0, 1, 3, 4],
        -2,
    ),
    (
        "windows with strides",
        lambda d: d.window(2, shift=2, stride=2).take(1).flat_map(lambda w: w),
        [0, 2],
        -2,
    ),
    (
        "windows of pairs",
        lambda d: (
            d.map(lambda n: (n, -n)).window(2).flat_map(lambda a, b: b.batch(2)).take(1)
        ),
        [[0, -1]],
        -2,
    ),
    (
        "interleave",
        lambda d: d.take(2).interleave(
            lambda n: d.take(3).map(lambda m: 10 * n + m),
            cycle_length=2,
            block_length=2,
        ),
        [0, 1, 10, 11, 2, 12],
        -2,
    ),
    (
        "interleave with sources that end within a block",
        lambda d: d.take(4).interleave(
            lambda n: type(d).from_tensors(n).repeat(3), cycle_length=2, block_length=2
        ),
        [0, 0, 1, 1, 0, 1, 2, 2, 3, 3, 2, 3],
        -2,
    ),
    ("skip all", lambda d: d.skip(-1), [], 0),
    (
        "weights of zero",
        lambda d: type(d).sample_from_datasets([d.take(2), d], np.array([1.0, 0.0])),
        [0, 1],
        -2,
    ),
    (
        "infinite after unknown",
        lambda d: d.filter(parity).concatenate(d.repeat()).skip(4).take(1),
        [1],
        1,
    ),
    (
        "padded batch",
        lambda d: d.skip(1).take(2).map(lambda n: np.full(int(n), 7)).padded_batch(2),
        [[[7, 0], [7, 7]]],
        1,
    ),
    ("padded batch of numbers", lambda d: d.take(3).padded_batch(2), [[0, 1], [2]], 2),
    (
        "padded batch of a size and value",
        lambda d: (
            d.skip(1)
            .take(1)
            .map(lambda n: np.full(int(n), 7))
            .padded_batch(1, padded_shapes=[3], padding_values=-1)
        ),
        [[[7, -1, -1]]],
        1,
    ),
]


@pytest.mark.parametrize(
    ("name", "derive", "expected", "length"), CASES, ids=[c[0] for c in CASES]
)
def test_items_and_cardinality(name, derive, expected, length):
    derived = derive(dataset(5))
    for _ in range(2):
        found = [jax.tree.map(lambda a: np.asarray(a).tolist(), i) for i in derived]
        assert [list(i) if isinstance(i, tuple) else i for i in found] == expected
    assert derived.cardinality() == length


def test_items_are_tensors_and_numpy():
    (item,) = dataset(3).batch(3)
    assert item.numpy().tolist() == [0, 1, 2]
    assert isinstance(item, lamina.typing.Array)
    (array,) = dataset(3).batch(3).as_numpy_iterator()
    assert type(array) is np.ndarray
    assert dataset(3).batch(3).element_spec.shape == (None,)


def test_reduce_combines_items():
    assert int(dataset(5).reduce(np.int64(0), lambda total, n: total + n)) == 10


def test_shuffle_has_another_order_each_time():
    import tensorflow as tf

    orders = []
    for _ in range(2):
        tf.random.set_seed(1)
        shuffled = dataset(30).shuffle(10)
        orders.append([[int(n) for n in shuffled] for _ in range(2)])
    first, second = orders[0]
    assert orders[0] == orders[1]
    assert first != second and sorted(first) == sorted(second) == list(range(30))
    # The item at a place comes from the buffer that was filled before it.
    assert all(n < 10 + place for place, n in enumerate(first))
    fixed = dataset(30).shuffle(30, seed=2, reshuffle_each_iteration=False)
    assert [int(n) for n in fixed] == [int(n) for n in fixed]


def test_generator_is_called_for_each_epoch_and_not_exhausted():
    import tensorflow as tf

    pulled = []

    def count():
        for n in range(10**9):
            pulled.append(n)
            yield n, [n, n]

    signature = (tf.TensorSpec((), tf.float32), tf.TensorSpec((2,), tf.int32))
    numbers = tf.data.Dataset.from_generator(count, output_signature=signature)
    for _ in range(2):
        n, pair = next(iter(numbers.skip(2).map(lambda a, b: (a / 2, b))))
        assert (float(n), pair.tolist()) == (1.0, [2, 2])
    assert pulled == [0, 1, 2] * 2


def orders(data, count=2):
    return [[int(n) for n in data] for _ in range(count)]


def test_element_spec_does_not_change_the_order_of_epochs():
    shuffled = [dataset(20).shuffle(20, seed=1).repeat(1) for _ in range(2)]
    assert "int64" in repr(shuffled[0])
    assert orders(shuffled[0]) == orders(shuffled[1])


def test_sampled_order_is_fixed_by_default():
    import tensorflow as tf

    def sampled(**options):
        parts = [dataset(20), dataset(20).map(lambda n: n + 100)]
        return tf.data.Dataset.sample_from_datasets(parts, seed=1, **options)

    first, second = orders(sampled())
    assert first == second and sorted(first)[:20] == list(range(20))
    first, second = orders(sampled(rerandomize_each_iteration=True))
    assert first != second


def test_iterators_of_one_data_set_are_independent():
    cached = dataset(12).shuffle(12, seed=1).cache()
    first, second = iter(cached), iter(cached)
    some = [int(next(second)) for _ in range(4)]
    stored = [int(n) for n in first]
    third = iter(cached)
    begun = [int(next(third)) for _ in range(4)]
    some += [int(n) for n in second]
    begun += [int(n) for n in third]
    assert sorted(some) == list(range(12))
    assert begun == stored == orders(cached)[0]


def test_operators_that_assign_do_not_change_the_source():
    import tensorflow as tf

    def half(row):
        row /= 2
        return row

    halves = tf.data.Dataset.from_tensor_slices(np.ones((1, 2))).map(half)
    assert [next(iter(halves)).tolist() for _ in range(2)] == [[0.5, 0.5]] * 2


def test_error_of_a_generator_is_raised_after_the_items_before_it():
    import tensorflow as tf

    def generate():
        yield 1
        raise RuntimeError("disk is full")

    source = tf.data.Dataset.from_generator(generate, output_types=tf.int32)
    for _ in range(2):
        items = iter(source.prefetch(2))
        assert int(next(items)) == 1
        with pytest.raises(RuntimeError, match="disk is full"):
            next(items)


def test_arguments_that_cannot_be_served_are_refused():
    import tensorflow as tf

    with pytest.raises(ArgumentError, match="batch_size must be positive"):
        dataset(3).batch(0)
    with pytest.raises(ArgumentTypeError, match="pass a function"):
        tf.data.Dataset.from_generator(iter([1]), output_types=tf.int32)


def test_counter_is_infinite():
    import tensorflow as tf

    counter = tf.data.experimental.Counter(5, -2)
    assert counter.cardinality() == -1
    assert orders(counter.take(3), 1) == [[5, 3, 1]]


def test_text_lines_are_bytes(tmp_path):
    import tensorflow as tf

    (tmp_path / "a.txt").write_text("one\ntwo\n")
    lines = tf.data.Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False)
    lines = lines.interleave(lambda path: tf.data.TextLineDataset(path).skip(1))
    (line,) = lines
    assert line.numpy() == b"two"
    assert (line + "!").numpy().decode() == "two!"


def test_rows_of_different_numbers_are_refused():
    import tensorflow as tf

    with pytest.raises(ArgumentError, match="different numbers of rows"):
        tf.data.Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))
    ragged = dataset(3).map(lambda n: np.zeros(int(n))).batch(2)
    with pytest.raises(DataError, match="padded_batch"):
        list(ragged)
    with pytest.raises(ArgumentTypeError, match="infinite"):
        len(dataset(3).repeat())


def test_model_trains_on_slices_of_a_frame():
    import pandas as pd
    import tensorflow as tf

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    slices = tf.data.Dataset.from_tensor_slices((frame, np.array([0, 1])))
    (x, _), *_ = slices.batch(2)
    assert_array_equal(x.numpy(), frame.to_numpy())
    columns = tf.data.Dataset.from_tensor_slices(dict(frame))
    assert float(next(iter(columns))["b"]) == 3.0
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = slices.shuffle(2).batch(2).prefetch(tf.data.AUTOTUNE)
    history = model.fit(batches, validation_data=batches, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert model.predict(batches.map(lambda x, y: x), verbose=0).shape == (2, 1)


def test_data_sets_of_utilities_have_these_methods():
    import tensorflow as tf

    windows = tf.keras.utils.timeseries_dataset_from_array(np.arange(4), None, 2)
    (batch,) = windows
    assert batch.numpy().shape == (3, 2)
    rows = windows.unbatch().filter(lambda row: row[0] > 0).enumerate()
    assert [(int(i), row.tolist()) for i, row in rows] == [(0, [1, 2]), (1, [2, 3])]
    assert [int(r.sum()) for r in windows.unbatch().as_numpy_iterator()] == [1, 3, 5]


def test_functions_of_data_sets_from_arrays_get_tensors():
    import tensorflow as tf

    def split(windows):
        inputs, labels = windows[:, :2], windows[:, 2:]
        inputs.set_shape([None, 2])
        return inputs, tf.cast(labels, tf.float32)

    windows = tf.keras.utils.timeseries_dataset_from_array(np.arange(5), None, 3)
    ((inputs, labels),) = windows.map(split, num_parallel_calls=tf.data.AUTOTUNE)
    assert inputs.numpy().tolist() == [[0, 1], [1, 2], [2, 3]]
    assert labels.numpy().tolist() == [[2], [3], [4]]


def lists(dataset):
    return [np.asarray(item).tolist() for item in dataset]


def test_items_are_grouped_by_length():
    import tensorflow as tf

    words = tf.data.Dataset.from_tensor_slices([1, 5, 2, 6, 1]).map(tf.range)
    found = words.bucket_by_sequence_length(len, [3], [2, 2])
    assert lists(found) == [
        [[0, 0], [0, 1]],
        [[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 5]],
        [[0]],
    ]
    grouped = tf.data.experimental.bucket_by_sequence_length(len, [3], [2, 2])
    assert lists(words.apply(grouped)) == lists(found)


def test_items_are_grouped_by_key():
    import tensorflow as tf

    numbers = tf.data.Dataset.range(7)
    found = numbers.group_by_window(
        lambda n: n % 2, lambda key, window: window.batch(2), window_size=2
    )
    assert lists(found) == [[0, 2], [1, 3], [4, 6], [5]]


def test_items_are_chosen():
    import tensorflow as tf

    low, high = tf.data.Dataset.range(3), tf.data.Dataset.range(10, 12)
    choice = tf.data.Dataset.from_tensor_slices([1, 0, 1, 1, 0])
    choose = tf.data.Dataset.choose_from_datasets
    assert lists(choose([low, high], choice)) == [10, 0, 11]
    found = choose([low, high], choice, stop_on_empty_dataset=False)
    assert lists(found) == [10, 0, 11, 1]


def test_small_methods_of_data_sets():
    import tensorflow as tf

    data = tf.data
    repeated = data.Dataset.from_tensor_slices([3, 1, 3])
    assert lists(repeated.unique()) == [3, 1]
    assert lists(repeated.batch(3).rebatch(2)) == [[3, 1], [3]]
    assert lists(data.Dataset.counter(2, 3).take(2)) == [2, 5]
    first = lists(data.Dataset.random(seed=1).take(3))
    assert lists(data.experimental.RandomDataset(seed=1).take(3)) == first
    batched = repeated.apply(data.experimental.map_and_batch(lambda n: n + 1, 2))
    assert lists(batched) == [[4, 2], [4]]
    assert len(lists(repeated.apply(data.experimental.shuffle_and_repeat(3, 2)))) == 6
    assert data.experimental.get_structure(repeated).shape == ()


CSV = "name,size,weight\nAda,1,0.5\nBob,,2\n"


def test_lines_of_csv_files(tmp_path):
    import tensorflow as tf

    path = tmp_path / "a.csv"
    path.write_text(CSV)
    defaults = [tf.string, 7, tf.constant([0.0])]
    dataset = tf.data.experimental.CsvDataset(str(path), defaults, header=True)
    rows = [tuple(np.asarray(v).item() for v in row) for row in dataset]
    assert rows == [(b"Ada", 1, 0.5), (b"Bob", 7, 2.0)]
    chosen = tf.data.experimental.CsvDataset(
        str(path), [tf.float32], header=True, select_cols=[2]
    )
    assert [float(weight) for (weight,) in chosen] == [0.5, 2.0]
    missing = tf.data.experimental.CsvDataset(str(path), [tf.string] * 3, header=True)
    with pytest.raises(ArgumentError, match="Give its column a default"):
        lists(missing)


def test_batches_of_csv_files(tmp_path):
    import tensorflow as tf

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    make = tf.data.experimental.make_csv_dataset
    options = {"label_name": "weight", "compression_type": "GZIP", "shuffle": False}
    ((x, y),) = make(str(path), 2, num_epochs=1, **options)
    assert x["name"].tolist() == [b"Ada", b"Bob"] and x["size"].tolist() == [1, 0]
    assert y.tolist() == [0.5, 2.0]
    endless = make(str(path), 3, select_columns=["size"], compression_type="GZIP")
    assert next(iter(endless))["size"].shape == (3,)
    with pytest.raises(ArgumentError, match="label_name must be one of"):
        make(str(path), 2, select_columns=[0], **options)


def test_list_that_a_function_returns_has_several_parts():
    import tensorflow as tf

    numbers = tf.data.Dataset.from_tensor_slices([1.0, 2.0])
    pairs = numbers.map(lambda x: [x, x + 1])
    assert [(float(a), float(b)) for a, b in pairs] == [(1, 2), (2, 3)]
    nested = tf.data.Dataset.range(2).map(lambda x: {"a": [x, x], "b": [1, 2]})
    types = {name: spec.dtype for name, spec in nested.element_spec.items()}
    assert types == {"a": tf.int64, "b": tf.int32}
    called = numbers.map(
        lambda x: tf.py_function(lambda x: (x, int(x)), [x], [tf.float32, tf.int32])
    )
    assert called.element_spec[1].dtype == tf.int32
    assert [int(b) for _, b in called] == [1, 2]


def test_python_function_returns_tensors():
    import tensorflow as tf

    @tf.py_function(Tout=tf.string)
    def text(x):
        return b"x" * int(x)

    assert text(2).numpy() == b"xx"
    assert tf.py_function(lambda: [1, 2], [], tf.int64).numpy().tolist() == [1, 2]
    assert tf.py_function(lambda x: None, [1], []) == []


def test_iterators_of_data_sets():
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices(([1, 2], [[0.5], [1.0]]))
    iterator = pairs.make_one_shot_iterator()
    assert iterator.get_next()[0] == 1 and next(iterator)[0] == 2
    with pytest.raises(tf.errors.OutOfRangeError):
        iter(pairs.take(0)).get_next()
    assert (
        pairs.output_shapes
        == ((), (1,))
        == tuple(spec.shape for spec in iterator.element_spec)
    )
    assert pairs.output_types == ("int32", "float32")
    first = next(iter(pairs))[1]
    first.set_shape([1])
    assert first.shape == (1,)
