"""Small modules of `tensorflow`: text, files, images, random numbers, checkpoints."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import lamina
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingFileError,
    ShapeError,
)

WORDS = ["Ab c", "d"]
TEXTS = [
    ("lower", (WORDS,), {}, [b"ab c", b"d"]),
    ("upper", ("é", "utf-8"), {}, "É".encode()),
    ("strip", (" a ",), {}, b"a"),
    ("regex_replace", ("a-b", "[-]", " "), {}, b"a b"),
    ("regex_replace", ("ab", "(a)(b)", r"\2\1"), {}, b"ba"),
    ("regex_full_match", (WORDS, "[a-z]"), {}, [False, True]),
    ("split", ("a,b", ","), {}, [b"a", b"b"]),
    ("split", (WORDS,), {}, [[b"Ab", b"c"], [b"d"]]),
    ("unicode_split", ("né",), {}, [b"n", "é".encode()]),
    ("unicode_decode", ("né",), {}, [110, 233]),
    ("unicode_encode", (np.array([110, 233]),), {}, "né".encode()),
    ("bytes_split", ("ab",), {}, [b"a", b"b"]),
    ("join", ([WORDS, "!"],), {"separator": "-"}, [b"Ab c-!", b"d-!"]),
    ("reduce_join", (WORDS,), {"separator": "/"}, b"Ab c/d"),
    ("reduce_join", ([["a", "b"], ["c", "d"]],), {"axis": -1}, [b"ab", b"cd"]),
    ("length", (WORDS,), {}, [4, 1]),
    ("length", ("é",), {"unit": "UTF8_CHAR"}, 1),
    ("substr", (WORDS, 0, 2), {}, [b"Ab", b"d"]),
    ("to_number", (["1.5", "2"],), {}, [1.5, 2]),
    ("as_string", ([1, 2],), {}, [b"1", b"2"]),
    ("format", ("{} of {}", (1, 2)), {}, b"1 of 2"),
]


@pytest.mark.parametrize(("name", "args", "options", "expected"), TEXTS)
def test_function_of_text(name, args, options, expected):
    import tensorflow as tf

    found = getattr(tf.strings, name)(*args, **options)
    found = found.to_list() if hasattr(found, "to_list") else found.numpy()
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected


def test_ragged_rows_are_padded_or_refused():
    import tensorflow as tf

    rows = tf.ragged.constant([[1, 2, 3], [4]])
    assert rows.to_list() == [[1, 2, 3], [4]] and rows.shape == (2, None)
    assert rows.to_tensor(default_value=-1).tolist() == [[1, 2, 3], [4, -1, -1]]
    assert rows.to_tensor(shape=(None, 2)).tolist() == [[1, 2], [4, 0]]
    with pytest.raises(ArgumentTypeError, match=r"Pad them: `x.to_tensor\(\)`"):
        tf.linalg.matmul(rows, rows)


IMAGE = np.random.default_rng(0).integers(0, 255, (4, 6, 3)).astype("uint8")
FLOATS = (IMAGE / 255).astype("float32")
MEAN = FLOATS.mean((0, 1))
VARIATION = sum(abs(np.diff(FLOATS, axis=axis)).sum() for axis in (0, 1))
NONE = (0, 0)
IMAGES = [
    ("flip_left_right", (IMAGE,), IMAGE[:, ::-1]),
    ("flip_up_down", (IMAGE,), IMAGE[::-1]),
    ("rot90", (IMAGE,), np.rot90(IMAGE)),
    ("transpose", (IMAGE,), IMAGE.swapaxes(0, 1)),
    ("central_crop", (IMAGE, 0.5), IMAGE[1:3, 1:5]),
    ("crop_to_bounding_box", (IMAGE, 1, 2, 2, 3), IMAGE[1:3, 2:5]),
    ("pad_to_bounding_box", (IMAGE, 1, 0, 5, 6), np.pad(IMAGE, [(1, 0), NONE, NONE])),
    (
        "resize_with_crop_or_pad",
        (IMAGE, 2, 8),
        np.pad(IMAGE[1:3], [NONE, (1, 1), NONE]),
    ),
    ("resize", (IMAGE, (2, 3), "nearest"), IMAGE[1::2, 1::2]),
    ("convert_image_dtype", (IMAGE, "float32"), FLOATS),
    ("convert_image_dtype", (FLOATS, "uint8"), IMAGE),
    ("adjust_brightness", (FLOATS, 0.1), FLOATS + 0.1),
    ("adjust_contrast", (FLOATS, 2.0), (FLOATS - MEAN) * 2 + MEAN),
    ("adjust_saturation", (FLOATS, 1.0), FLOATS),
    ("adjust_hue", (FLOATS, 1.0), FLOATS),
    ("per_image_standardization", (FLOATS,), (FLOATS - FLOATS.mean()) / FLOATS.std()),
    ("grayscale_to_rgb", (FLOATS[..., :1],), np.repeat(FLOATS[..., :1], 3, -1)),
    ("total_variation", (FLOATS,), VARIATION),
    ("random_crop", (IMAGE, (4, 6, 3)), IMAGE),
]


@pytest.mark.parametrize(("name", "args", "expected"), IMAGES)
def test_function_of_images(name, args, expected):
    import tensorflow as tf

    found = getattr(tf.image, name)(*args)
    assert_allclose(np.asarray(found), expected, rtol=1e-3, atol=1e-5)


def test_random_changes_of_images_follow_their_seed():
    import tensorflow as tf

    images = np.stack([FLOATS] * 16)
    flipped = tf.image.stateless_random_flip_left_right(images, seed=(1, 2))
    assert_array_equal(
        flipped, tf.image.stateless_random_flip_left_right(images, seed=(1, 2))
    )
    is_flipped = [np.allclose(f, FLOATS[:, ::-1]) for f in np.asarray(flipped)]
    is_same = [np.allclose(f, FLOATS) for f in np.asarray(flipped)]
    assert any(is_flipped) and any(is_same)
    assert all(np.logical_xor(is_flipped, is_same))
    with pytest.raises(ArgumentError, match="larger than the image"):
        tf.image.random_crop(FLOATS, (5, 5, 3))


def test_files_of_images_and_lines(tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "folder" / "a.png")
    tf.io.write_file(path, tf.io.encode_png(IMAGE))
    contents = tf.io.read_file(path)
    assert_array_equal(tf.io.decode_image(contents), IMAGE)
    assert tf.image.decode_png(contents, channels=1).shape == (4, 6, 1)
    assert_allclose(tf.io.decode_image(contents, dtype="float32"), FLOATS, rtol=1e-6)
    crop = tf.io.decode_and_crop_jpeg(contents, [1, 2, 2, 3], channels=3)
    assert_array_equal(crop, IMAGE[1:3, 2:5])
    buffer = io.BytesIO()
    pictures = [Image.new("RGB", (3, 2), color) for color in ("black", "white")]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    found = tf.io.decode_gif(buffer.getvalue())
    assert found.shape == (2, 2, 3, 3) and found.max(axis=(1, 2, 3)).tolist() == [
        0,
        255,
    ]
    assert tf.io.decode_image(buffer.getvalue(), expand_animations=False).shape == (
        2,
        3,
        3,
    )
    columns = tf.io.decode_csv(["1,a,", "2,b,3"], [0, "", 1.5])
    assert [c.tolist() for c in columns] == [[1, 2], [b"a", b"b"], [1.5, 3.0]]
    with pytest.raises(ArgumentError, match="Give its column a default"):
        tf.io.decode_csv("1,", [[0], []])
    raw = np.arange(3, dtype="int16")
    assert tf.io.decode_raw(raw.tobytes(), tf.int16).tolist() == [0, 1, 2]
    tensor = tf.io.parse_tensor(tf.io.serialize_tensor(raw), tf.int16)
    assert tensor.tolist() == [0, 1, 2]


def test_random_numbers_follow_their_seeds():
    import tensorflow as tf

    def draws(generator):
        return [generator.normal((2,)).tolist() for _ in range(2)]

    first, second = (draws(tf.random.Generator.from_seed(1)) for _ in range(2))
    assert first == second and first[0] != first[1]
    pair = tf.random.stateless_uniform((2,), (1, 2), 5, 7)
    assert_array_equal(pair, tf.random.stateless_uniform((2,), (1, 2), 5, 7))
    assert ((pair >= 5) & (pair < 7)).all()
    whole = np.asarray(tf.random.uniform((50,), 2, 5, dtype=tf.int32))
    assert {*whole.tolist()} == {2, 3, 4}


def test_checkpoints_restore_a_model_and_its_optimizer(tmp_path):
    import tensorflow as tf

    def parts():
        model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
        optimizer = tf.keras.optimizers.Adam(0.1)
        return model, optimizer, tf.train.Checkpoint(model=model, optimizer=optimizer)

    model, optimizer, checkpoint = parts()
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    for _ in range(3):
        gradients = [tf.ones_like(v) for v in model.trainable_variables]
        pairs = zip(gradients, model.trainable_variables, strict=True)
        optimizer.apply_gradients(pairs)
        path = manager.save()
    assert len(manager.checkpoints) == 2
    assert tf.train.latest_checkpoint(tmp_path) == path == str(tmp_path / "ckpt-3")
    other, its_optimizer, checkpoint = parts()
    checkpoint.restore(path).assert_consumed()
    assert int(its_optimizer.iterations) == 3
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        assert_array_equal(ours, theirs)
    with pytest.raises(MissingFileError, match="No such file"):
        checkpoint.restore(tmp_path / "other")


def test_checkpoint_manager_leaves_other_files(tmp_path):
    import tensorflow as tf

    for name in ("data", "other-7", "ckpt"):
        np.savez(tmp_path / f"{name}.npz", x=1)
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=1)
    for _ in range(10):
        path = manager.save()
    assert manager.checkpoints == [path] == [str(tmp_path / "ckpt-10")]
    assert manager.latest_checkpoint == tf.train.latest_checkpoint(tmp_path) == path
    others = {"data.npz", "other-7.npz", "ckpt.npz"}
    assert {p.name for p in tmp_path.iterdir()} == {"ckpt-10.npz", *others}


def test_latest_checkpoint_may_be_weights_of_a_model(tmp_path):
    import tensorflow as tf

    layers = [tf.keras.Input((2,)), tf.keras.layers.Dense(1)]
    model = tf.keras.Sequential(layers)
    assert tf.train.latest_checkpoint(tmp_path) is None
    for epoch in range(2):
        model.set_weights([np.full((2, 1), epoch), np.zeros(1)])
        model.save_weights(tmp_path / f"cp-{epoch}.ckpt")
    path = tf.train.latest_checkpoint(tmp_path)
    assert path == str(tmp_path / "cp-1.ckpt")
    model.set_weights([np.full((2, 1), 7.0), np.zeros(1)])
    model.load_weights(path)
    assert_array_equal(model.get_weights()[0], np.ones((2, 1)))


def test_control_flow_and_nests():
    import tensorflow as tf

    total = tf.while_loop(lambda n, s: n < 4, lambda n, s: (n + 1, s + n), [0, 0])[1]
    assert int(total) == 6
    assert tf.cond(tf.constant(True), lambda: 1, lambda: 2) == 1
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for n in range(3):
        array = array.write(n, tf.constant([n, n]))
    assert array.stack().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert tf.nest.map_structure(lambda n: 2 * n, {"a": [1, 2]}) == {"a": [2, 4]}
    assert tf.scan(lambda s, n: s + n, tf.constant([1, 2, 3])).tolist() == [1, 3, 6]
    with pytest.raises(ArgumentError, match="assert_equal"):
        tf.debugging.assert_equal(1, 2)


def test_missing_names_say_what_to_use():
    import tensorflow as tf

    with pytest.raises(AttributeError, match="saved_model. Save with `model.save"):
        _ = tf.saved_model
    with pytest.raises(ImportError, match=r"feature_column. Use `keras.utils.F"):
        from tensorflow import feature_column  # noqa: F401
    with pytest.raises(AttributeError, match=r"placeholder. Use `keras.Input`"):
        _ = tf.compat.v1.placeholder
    assert tf.compat.v1.keras.layers.Dense is lamina.layers.Dense
    assert tf.dtypes.float32.as_numpy_dtype is np.float32
    assert tf.__version__ == tf.version.VERSION


def test_transposed_convolution_has_the_output_shape():
    import tensorflow as tf

    kernel = np.ones((3, 3, 2, 4), "float32")
    x, lengths = np.ones((1, 5, 5, 4), "float32"), tf.constant([1, 9, 10, 2])
    found = tf.nn.conv2d_transpose(x, kernel, lengths, [1, 2, 2, 1], "SAME")
    assert found.shape == (1, 9, 10, 2)
    with pytest.raises(ShapeError, match="does not lead to an output of shape"):
        tf.nn.conv2d_transpose(x, kernel, (1, 11, 10, 2), 2)


BOXES = np.float32([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 2, 1, 3], [1, 1, 0, 0]])


def test_boxes_that_overlap_a_better_one_are_left_out():
    import tensorflow as tf

    scores = [0.5, 0.9, 0.3, 0.8]
    found = tf.image.non_max_suppression(BOXES, scores, 3, iou_threshold=0.5)
    assert found.tolist() == [1, 2]
    found = tf.image.non_max_suppression(BOXES, scores, 3, score_threshold=0.4)
    assert found.tolist() == [1]
    padded, count = tf.image.non_max_suppression_padded(
        BOXES, scores, 3, pad_to_max_output_size=True
    )
    assert padded.tolist() == [1, 2, 0] and count == 2


def test_crops_of_boxes():
    import tensorflow as tf

    ramp = np.arange(12.0, dtype="float32").reshape(1, 3, 4, 1)
    whole = tf.image.crop_and_resize(ramp, [[0, 0, 1, 1]], [0], [3, 4])
    assert_allclose(whole, ramp, atol=1e-5)
    half = tf.image.crop_and_resize(
        ramp, [[0, 0, 0.5, 1 / 3], [0.5, 1, 1.5, 2]], [0, 0], (2, 2), "bilinear", -1
    )
    assert_allclose(half[0, ..., 0], [[0, 1], [4, 5]], atol=1e-5)
    assert_allclose(half[1, ..., 0], [[7, -1], [-1, -1]], atol=1e-5)
    center = tf.image.crop_and_resize(ramp, [[0, 0, 1, 1]], [0], [1, 1], "nearest")
    assert center.shape == (1, 1, 1, 1)


def test_borders_of_boxes_are_drawn():
    import tensorflow as tf

    black = np.zeros((1, 4, 4, 3))
    found = tf.image.draw_bounding_boxes(black, [[[0, 0, 1, 1]]], [[1.0, 0.0, 0.0]])
    assert found[0, :, :, 0].sum() == 12 and found[..., 1:].sum() == 0


def test_patches_of_images():
    import tensorflow as tf

    images = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    found = tf.image.extract_patches(
        images, sizes=[1, 2, 2, 1], strides=[1, 2, 2, 1], rates=[1] * 4, padding="VALID"
    )
    assert found[0, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_sound_is_read_as_it_was_written():
    import tensorflow as tf

    sound = np.array([[0.0, 0.5], [-1.0, 1.0]], "float32")
    data = tf.audio.encode_wav(sound, 8000)
    read, rate = tf.audio.decode_wav(data)
    assert_allclose(read, sound, atol=1e-4)
    assert rate == 8000
    longer = tf.audio.decode_wav(data, desired_channels=1, desired_samples=3)
    assert_allclose(longer.audio, [[0], [-1], [0]], atol=1e-4)


def test_functions_are_not_converted():
    import tensorflow as tf

    @tf.autograph.experimental.do_not_convert
    def double(x):
        return 2 * x

    assert tf.autograph.to_graph(double)(3) == 6
    assert "return 2 * x" in tf.autograph.to_code(double)


def test_checks_of_elements():
    import tensorflow as tf

    tf.debugging.assert_positive([1, 2])
    tf.debugging.assert_type(tf.constant(1.0), tf.float32)
    for name, value in (
        *(("positive", [0]), ("negative", [0]), ("non_negative", [-1])),
        *(("non_positive", [1]), ("all_finite", [np.inf]), ("integer", [0.5])),
        ("scalar", [1]),
    ):
        with pytest.raises(ArgumentError, match=f"assert_{name}"):
            getattr(tf.debugging, f"assert_{name}")(value)
    with pytest.raises(ArgumentError, match="assert_type"):
        tf.debugging.assert_type(tf.constant(1), tf.float32)


def test_candidates_are_drawn_by_frequency():
    import tensorflow as tf

    sample = tf.random.log_uniform_candidate_sampler
    found, true, drawn = sample([[0]], 1, 4, unique=True, range_max=6, seed=1)
    assert len(set(found.tolist())) == 4 and max(found.tolist()) < 6
    share = np.log(2) / np.log(7)
    assert_allclose(true, [[1 - (1 - share) ** 4]], rtol=1e-5)
    assert drawn.shape == (4,)
    _, true, _ = sample([[0]], 1, 4, unique=False, range_max=6)
    assert_allclose(true, [[4 * share]], rtol=1e-5)


def test_stateless_numbers_depend_on_the_seeds_only():
    import tensorflow as tf

    for draw in (
        lambda seed: tf.random.stateless_truncated_normal((50,), seed),
        lambda seed: tf.random.stateless_categorical([[0.0, 1.0]], 50, seed),
    ):
        first = np.asarray(draw([1, 2]))
        assert_array_equal(first, draw([1, 2]))
        assert not np.array_equal(first, draw([1, 3])) and abs(first).max() <= 2


def test_writing_of_summaries_may_be_paused(tmp_path):
    import tensorflow as tf

    summary = tf.summary
    assert not summary.should_record_summaries()
    with summary.create_noop_writer().as_default(), summary.record_if(False):
        summary.audio("a", np.zeros((1, 2, 1)), 8000, step=0)
        summary.trace_on(graph=True)
        summary.trace_export("a", step=0, profiler_outdir=str(tmp_path))
    summary.flush()
    assert list(tmp_path.iterdir()) == []


def test_package_of_preprocessing_is_that_of_keras():
    import keras
    from keras_preprocessing.image import ImageDataGenerator
    from keras_preprocessing.sequence import pad_sequences
    from keras_preprocessing.text import Tokenizer

    assert ImageDataGenerator is keras.preprocessing.image.ImageDataGenerator
    assert Tokenizer is keras.preprocessing.text.Tokenizer
    assert pad_sequences([[1]], maxlen=2).tolist() == [[0, 1]]


def test_program_without_a_tpu_has_one_device():
    import tensorflow as tf

    distribute = tf.distribute
    for create in (
        distribute.cluster_resolver.TPUClusterResolver,
        distribute.cluster_resolver.TPUClusterResolver.connect,
    ):
        with pytest.raises(ValueError, match="no TPU"):
            create()
    assert not distribute.has_strategy() and distribute.in_cross_replica_context()
    strategy = distribute.MirroredStrategy(
        cross_device_ops=distribute.HierarchicalCopyAllReduce()
    )
    batches = strategy.distribute_datasets_from_function(
        lambda context: range(context.get_per_replica_batch_size(4))
    )
    assert len(batches) == 4
    total = strategy.experimental_run_v2(lambda a: a + 1, args=(1,))
    assert strategy.experimental_local_results(strategy.gather(total, 0)) == (2,)


def test_tables_look_up_texts_and_numbers(tmp_path):
    import tensorflow as tf

    words = tf.constant(["b", "no", "a"])
    init = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.range(2, dtype=tf.int64))
    table = tf.lookup.StaticHashTable(init, default_value=-1)
    assert table.lookup(words).numpy().tolist() == [1, -1, 0]
    assert int(table.size()) == 2 and int(table[tf.constant("b")]) == 1
    assert table.lookup(tf.strings.split(["b a", "a"])).to_list() == [[1, 0], [0]]
    dataset = tf.data.Dataset.from_tensor_slices(words).map(table.lookup)
    assert [int(number) for number in dataset] == [1, -1, 0]
    vocabulary = tf.lookup.StaticVocabularyTable(init, num_oov_buckets=3)
    b, other, a = vocabulary.lookup(words).numpy().tolist()
    assert (a, b) == (0, 1) and 2 <= other < 5 and int(vocabulary.size()) == 5
    path = tmp_path / "words.txt"
    path.write_text("x 0.5\ny 2")
    index = tf.lookup.TextFileIndex
    lines = tf.lookup.TextFileInitializer(
        str(path), tf.int64, index.LINE_NUMBER, tf.string, 0, delimiter=" "
    )
    names = tf.lookup.StaticHashTable(lines, "?")
    found = names.lookup(np.array([[1, 7]]))
    assert found.shape == (1, 2) and found.reshape(-1).tolist() == [b"y", b"?"]
    numbers = tf.lookup.TextFileInitializer(
        str(path), tf.string, 0, tf.float32, 1, delimiter=" "
    )
    values = tf.lookup.StaticHashTable(numbers, 0.0).lookup(tf.constant(["y", "z"]))
    assert values.numpy().tolist() == [2, 0] and values.dtype == "float32"
