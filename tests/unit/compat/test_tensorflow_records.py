"""`TFRecord` files, `tf.train.Example` and sparse tensors."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.compat.tensorflow.data.messages import masked_checksum
from lamina.errors import ArgumentTypeError, DataError, FileFormatError


def example():
    import tensorflow as tf

    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"Ada"])),
                "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[-1, 300])),
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
            }
        )
    )


def test_message_has_the_bytes_of_protocol_buffers():
    entry = b"\n\x01x\x12\x08\x12\x06\n\x04\x00\x00\x00?"
    numbers = b"\xff" * 9 + b"\x01" + b"\xac\x02"
    second = b"\n\x02id\x12\x10\x1a\x0e\n\x0c" + numbers
    third = b"\n\x04name\x12\x07\n\x05\n\x03Ada"
    body = b"".join(
        b"\n" + bytes([len(part)]) + part for part in (second, third, entry)
    )
    data = b"\n" + bytes([len(body)]) + body
    assert example().SerializeToString() == data
    assert type(example()).FromString(data).SerializeToString() == data


FILES = [("", None), ("GZIP", "GZIP"), ("ZLIB", "ZLIB")]


@pytest.mark.parametrize(("written", "read"), FILES)
def test_records_are_read_as_they_were_written(tmp_path, written, read):
    import tensorflow as tf

    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(written)) as file:
        file.write(example().SerializeToString())
        file.write(b"")
    dataset = tf.data.TFRecordDataset([path], compression_type=read)
    found = list(dataset.as_numpy_iterator())
    assert found == [example().SerializeToString(), b""]


def test_record_has_the_checksums_of_tensorflow(tmp_path):
    import tensorflow as tf

    path = tmp_path / "a.tfrecord"
    tf.data.experimental.TFRecordWriter(str(path)).write(
        tf.data.Dataset.from_tensor_slices([b"\x00" * 32])
    )
    size, data = (32).to_bytes(8, "little"), b"\x00" * 32
    # The CRC-32C of 32 zeros is 0x8A9136AA (RFC 3720), here rotated and shifted.
    crc = 0x8A9136AA
    masked = ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF
    assert path.read_bytes()[:8] == size
    assert path.read_bytes()[12:] == data + masked.to_bytes(4, "little")


@pytest.mark.parametrize("length", [0, 63, 64, 1024, 1027, 2500])
def test_checksum_of_any_length_is_the_remainder_of_a_division(length):
    data = bytes(np.random.default_rng(0).integers(0, 256, length, np.uint8))
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_checksum(data) == masked.to_bytes(4, "little")


@pytest.mark.parametrize("cut", [5, 20, -2])
def test_damaged_records_are_refused(tmp_path, cut):
    import tensorflow as tf

    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(b"twenty bytes of text")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileFormatError, match="TFRecord file|within a record"):
        list(tf.data.TFRecordDataset(str(path)))


@pytest.mark.parametrize("data", [b"\n\xff\x01", b"\n" + b"\xff" * 11, b"\x0b"])
def test_damaged_messages_are_refused(data):
    import tensorflow as tf

    with pytest.raises(FileFormatError):
        tf.train.Example.FromString(data)


def test_features_become_tensors():
    import tensorflow as tf

    kinds = {
        "name": tf.io.FixedLenFeature([], tf.string),
        "id": tf.io.VarLenFeature(tf.int64),
        "x": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
        "y": tf.io.FixedLenFeature([2], tf.float32, default_value=1.0),
    }
    data = example().SerializeToString()
    found = tf.io.parse_single_example(data, kinds)
    assert found["name"].numpy() == b"Ada" and found["x"].tolist() == [0.5]
    assert tf.sparse.to_dense(found["id"]).tolist() == [-1, 300]
    assert found["y"].tolist() == [1, 1]
    batch = tf.data.Dataset.from_tensors([data, data]).map(
        lambda d: tf.io.parse_example(d, kinds)["y"]
    )
    assert next(iter(batch)).shape == (2, 2)
    rows = tf.io.parse_example(
        [data, tf.train.Example().SerializeToString()],
        {"id": tf.io.VarLenFeature(tf.int64), "x": tf.io.RaggedFeature(tf.float32)},
    )
    assert tf.sparse.to_dense(rows["id"]).tolist() == [[-1, 300], [0, 0]]
    assert rows["x"].to_list() == [[0.5], []]
    with pytest.raises(DataError, match="Give it a `default_value`"):
        tf.io.parse_single_example(data, {"z": tf.io.FixedLenFeature([], tf.int64)})


DENSE = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]], "float32")
SPARSE = [
    ("to_dense", (), {}, DENSE),
    ("to_dense", (-1,), {}, np.where(DENSE, DENSE, -1)),
    ("transpose", (), {}, DENSE.T),
    ("reshape", ([3, 2],), {}, DENSE.reshape(3, 2)),
    ("expand_dims", (0,), {}, DENSE[None]),
    ("reduce_sum", (1,), {}, DENSE.sum(1)),
    ("reduce_max", (), {}, 4),
    ("sparse_dense_matmul", (DENSE.T,), {}, DENSE @ DENSE.T),
    ("add", (DENSE,), {}, 2 * DENSE),
]


@pytest.mark.parametrize(("name", "args", "options", "expected"), SPARSE)
def test_function_of_sparse_tensors(name, args, options, expected):
    import tensorflow as tf

    found = getattr(tf.sparse, name)(tf.sparse.from_dense(DENSE), *args, **options)
    found = found.dense() if isinstance(found, tf.SparseTensor) else found
    np.testing.assert_allclose(found, expected)


def test_sparse_tensors_are_made_from_indices():
    import tensorflow as tf

    made = tf.SparseTensor([[1, 2], [0, 1]], [4.0, 2.0], dense_shape=[2, 3])
    made = tf.sparse.reorder(made)
    assert made.values.tolist() == [2, 4] and made.shape == (2, 3)
    text = tf.SparseTensor([[1]], [b"a"], [2])
    assert tf.sparse.to_dense(text).tolist() == [b"", b"a"]
    joined = tf.sparse.concat(0, [made, made])
    assert joined.shape == (4, 3)
    with pytest.raises(ArgumentTypeError, match="to_dense"):
        np.asarray(made)


def test_values_of_a_checkpoint_by_name(tmp_path):
    import tensorflow as tf

    tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).save(str(tmp_path / "ckpt"))
    names = dict(tf.train.list_variables(str(tmp_path)))
    assert names == {"save_counter": [], "v/0": [2]}
    assert tf.train.load_variable(str(tmp_path), "v/0").tolist() == [1, 2]
    reader = tf.train.load_checkpoint(str(tmp_path))
    assert reader.has_tensor("v/0") and not reader.has_tensor("w")
    assert reader.get_variable_to_dtype_map()["v/0"] == "float32"


def test_files_are_copied_and_moved(tmp_path):
    import tensorflow as tf

    files, path = tf.io.gfile, str(tmp_path / "a")
    assert files.get_registered_schemes() == [""]
    tf.io.write_file(path, "text")
    files.copy(path, path + "2")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        files.rename(path, path + "2")
    files.rename(path, path + "2", overwrite=True)
    assert files.listdir(str(tmp_path)) == ["a2"]
    assert tf.io.decode_base64(tf.io.encode_base64(b"\xff\xfe")).numpy() == b"\xff\xfe"


def test_sequences_of_features_become_rows():
    import tensorflow as tf

    def words(*texts):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))

    example = tf.train.SequenceExample(
        context=tf.train.Features(feature={"title": words(b"A", b"b")}),
        feature_lists=tf.train.FeatureLists(
            feature_list={
                "text": tf.train.FeatureList([words(b"x"), words(b"y", b"z")])
            }
        ),
    )
    context, sequences = tf.io.parse_single_sequence_example(
        example.SerializeToString(),
        {"title": tf.io.VarLenFeature(tf.string)},
        {"text": tf.io.VarLenFeature(tf.string)},
    )
    assert context["title"].values.tolist() == [b"A", b"b"]
    rows = tf.RaggedTensor.from_sparse(sequences["text"])
    assert rows.to_list() == [[b"x"], [b"y", b"z"]]
    parts = tf.io.serialize_sparse(context["title"])
    assert tf.io.parse_tensor(parts[1], tf.string).tolist() == [b"A", b"b"]


def test_features_are_added_to_a_message():
    import tensorflow as tf

    example = tf.train.SequenceExample()
    example.context.feature["length"].int64_list.value.append(2)
    for value in (1.5, 2.5):
        added = example.feature_lists.feature_list["x"].feature.add()
        added.float_list.value.append(value)
    context, sequences = tf.io.parse_single_sequence_example(
        example.SerializeToString(),
        {"length": tf.io.FixedLenFeature([], tf.int64)},
        {
            "x": tf.io.FixedLenSequenceFeature([], tf.float32),
            "absent": tf.io.FixedLenSequenceFeature([2], tf.string),
        },
    )
    assert int(context["length"]) == 2
    assert sequences["x"].tolist() == [1.5, 2.5]
    assert sequences["absent"].shape == (0, 2)


def test_message_that_is_read_replaces_the_former_one():
    import tensorflow as tf

    old, new = tf.train.Example(), tf.train.Example()
    old.features.feature["old"].int64_list.value[:] = [3]
    new.features.feature["new"].bytes_list.value.append(b"x")
    assert old.features.feature["old"].WhichOneof("kind") == "int64_list"
    old.ParseFromString(new.SerializeToString())
    assert list(old.features.feature) == ["new"]
    assert old.features.feature["new"].values() == [b"x"]


@pytest.mark.parametrize(
    ("kind", "default", "values", "expected"),
    [
        ("bytes_list", "zz", [[b"a"], [b"b", b"c"]], [[b"a", b"zz"], [b"b", b"c"]]),
        ("float_list", -1.0, [[1.0], [2.0, 3.0]], [[1, -1], [2, 3]]),
    ],
)
def test_short_rows_are_filled_with_the_default(kind, default, values, expected):
    import tensorflow as tf

    lists = {"bytes_list": tf.train.BytesList, "float_list": tf.train.FloatList}
    messages = []
    for row in values:
        feature = tf.train.Feature(**{kind: lists[kind](value=row)})
        example = tf.train.Example(features=tf.train.Features(feature={"x": feature}))
        messages.append(example.SerializeToString())
    dtype = tf.string if kind == "bytes_list" else tf.float32
    spec = tf.io.FixedLenSequenceFeature([], dtype, True, default)
    assert tf.io.parse_example(messages, {"x": spec})["x"].tolist() == expected


RAGGED = [
    ("from_row_lengths", ([1, 2, 3], [1, 0, 2]), [[1], [], [2, 3]]),
    ("from_row_splits", ([1, 2, 3], [0, 1, 3]), [[1], [2, 3]]),
    ("from_row_starts", ([1, 2, 3], [0, 2]), [[1, 2], [3]]),
    ("from_tensor", ([[1, 2], [3, 0]],), [[1, 2], [3, 0]]),
]


@pytest.mark.parametrize(("name", "args", "expected"), RAGGED)
def test_rows_of_different_lengths(name, args, expected):
    import tensorflow as tf

    values = tf.constant(args[0])
    rows = getattr(tf.RaggedTensor, name)(values, *args[1:])
    assert rows.to_list() == expected and int(rows.nrows()) == len(expected)
    flat = [item for row in expected for item in row]
    assert rows.values.tolist() == rows.flat_values.tolist() == flat
    assert rows.row_splits[-1] == len(flat)


def test_rows_are_joined_and_cut():
    import tensorflow as tf

    first, second = tf.ragged.constant([[1], [2, 3]]), tf.ragged.constant([[4], []])
    assert tf.concat([first, second], axis=0).to_list() == [[1], [2, 3], [4], []]
    assert tf.concat([first, second], axis=1).to_list() == [[1, 4], [2, 3]]
    assert first.to_sparse().values.tolist() == [1, 2, 3]
    padded = tf.constant([[0, 5, 0], [0, 0, 0]])
    assert tf.RaggedTensor.from_tensor(padded, padding=0).to_list() == [[0, 5], []]


SETS = [
    ("union", [[1, 5, 6, 9, 11], [0, 10, 13, 0, 0]]),
    ("intersection", [[5, 9], [0, 0]]),
    ("difference", [[1], [10]]),
]


@pytest.mark.parametrize(("name", "expected"), SETS)
def test_sets_of_rows(name, expected):
    import tensorflow as tf

    first = tf.constant([[1, 5, 9], [10, 0, 0]])
    second = tf.constant([[5, 6, 9, 11], [13, 0, 0, 0]])
    found = getattr(tf.sets, name)(first, second)
    assert tf.sparse.to_dense(found).tolist() == expected
    assert tf.sets.size(tf.sets.difference(first, second)).tolist() == [1, 1]


def test_first_item_of_a_queue_leaves_first():
    import tensorflow as tf

    queue = tf.queue.FIFOQueue(3, [tf.int32, tf.string], shapes=[(), ()])
    queue.enqueue([10, b"a"])
    queue.enqueue_many([[13, 16], [b"b", b"c"]])
    with pytest.raises(tf.errors.OpError, match="full"):
        queue.enqueue([1, b"d"])
    assert queue.size() == 3 and queue.dequeue()[1] == b"a"
    numbers, texts = queue.dequeue_many(2)
    assert numbers.tolist() == [13, 16] and texts.tolist() == [b"b", b"c"]
    with pytest.raises(tf.errors.OpError, match="empty"):
        queue.dequeue()


def test_operators_of_sparse_tensors():
    import tensorflow as tf

    sparse = tf.sparse.from_dense(DENSE)
    np.testing.assert_allclose((sparse * 2.0 / 4.0).dense(), DENSE / 2)
    with pytest.raises(TypeError):
        sparse + 1.0
    disordered = tf.SparseTensor([[0, 2], [0, 1]], [1.0, 2.0], [3, 4])
    with pytest.raises(tf.errors.InvalidArgumentError, match="reorder"):
        tf.sparse.to_dense(disordered)
    variable = tf.Variable([[1.0], [2.0]])
    variable.scatter_update(tf.IndexedSlices(values=[[5.0]], indices=[1]))
    assert variable.numpy().tolist() == [[1], [5]]
