"""Event files of `TensorBoard`, read back."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.training.callbacks import LambdaCallback, TensorBoard
from lamina.training.callbacks.tensorboard.graph import serialized_graph
from tests.unit.training.callbacks.helpers import X, Y, small_model

event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
EPOCH = {"epoch_loss", "epoch_mae"}
TRAIN = {*EPOCH, "epoch_learning_rate"}
EVALUATION = {"evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"}


def events(folder):
    """Tag, step and value of everything in a folder's event files."""
    for path in folder.glob("events*"):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                yield value.tag, event.step, value


def fit(folder, callbacks=(), **arguments):
    board = TensorBoard(folder, **{"write_graph": False, **arguments})
    return small_model().fit(
        X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[board, *callbacks],
        validation_data=(X, Y),
    )  # fmt: skip


def test_metrics_of_epochs(tmp_path):
    run = fit(tmp_path)
    train = {(t, s): v.simple_value for t, s, v in events(tmp_path / "train")}
    assert set(train) == {(tag, step) for tag in TRAIN for step in (0, 1)}
    assert train["epoch_learning_rate", 0] == pytest.approx(0.01)
    validation = {(t, s): v.simple_value for t, s, v in events(tmp_path / "validation")}
    assert set(validation) == {
        *((tag, step) for tag in EPOCH for step in (0, 1)),
        *((tag, step) for tag in EVALUATION for step in (5, 10)),
    }
    for step in (0, 1):
        assert train["epoch_loss", step] == pytest.approx(run.history["loss"][step])
        expected = run.history["val_mae"][step]
        assert validation["epoch_mae", step] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("frequency", "steps"), [("batch", range(1, 11)), (3, [3, 6, 9]), (7, [7])]
)
def test_metrics_of_batches(tmp_path, frequency, steps):
    seen = []
    look = LambdaCallback(on_train_batch_end=lambda _, logs: seen.append(logs["loss"]))
    fit(tmp_path, [look], update_freq=frequency)
    found = {
        s: v.simple_value for t, s, v in events(tmp_path / "train") if t == "batch_loss"
    }
    assert sorted(found) == list(steps)
    for step, value in found.items():
        assert value == pytest.approx(seen[step - 1])


def test_histograms(tmp_path):
    fit(tmp_path, histogram_freq=2)
    found = {(t, s) for t, s, v in events(tmp_path / "train") if v.HasField("histo")}
    assert {step for _, step in found} == {0}
    names = sorted(tag.split("/")[-2] for tag, _ in found)
    assert names == ["bias", "kernel"]


def test_summary_and_speed(tmp_path):
    fit(tmp_path, write_graph=True, write_steps_per_second=True)
    found = {t: v for t, s, v in events(tmp_path / "train")}
    [text] = found["model/text_summary"].tensor.string_val
    assert "Trainable params: 4" in text.decode()
    assert found["epoch_steps_per_second"].simple_value > 0


@pytest.mark.parametrize("batches", [1, (2, 4)])
def test_profile(tmp_path, batches):
    fit(tmp_path, profile_batch=batches)
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_nothing_is_written_unless_requested(tmp_path):
    fit(tmp_path, update_freq=100)
    tags = {tag for tag, *_ in events(tmp_path / "train")}
    assert tags == TRAIN


def test_weights_as_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    convolution = layers.Conv2D(5, (2, 3), name="conv")
    model = lamina.Sequential([layers.Input((4, 4, 2)), convolution, layers.Flatten()])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    x, y = np.ones((2, 4, 4, 2), "float32"), np.ones((2, 30), "float32")
    model.fit(x, y, verbose=0, callbacks=[board])
    sizes = {}
    for tag, _, value in events(tmp_path / "train"):
        if value.HasField("image"):
            drawn = image.open(io.BytesIO(value.image.encoded_image_string))
            sizes[tag] = drawn.size
            assert drawn.convert("L").getextrema() in [(0, 255), (0, 0)]
    assert sizes == {"conv/kernel/image": (5 * 3, 2 * 2), "conv/bias/image": (5, 1)}


def embedded(folder, metadata):
    words = layers.Embedding(3, 2, name="words")
    model = lamina.Sequential([layers.Input((4,)), words, layers.Flatten()])
    model.compile("sgd", "mse")
    board = TensorBoard(folder, embeddings_freq=1, embeddings_metadata=metadata)
    x, y = np.ones((2, 4), "int32"), np.ones((2, 8), "float32")
    model.fit(x, y, verbose=0, callbacks=[board])
    return words.embeddings.numpy()


@pytest.mark.parametrize("by_name", [False, True])
def test_embeddings_are_written_for_the_projector(tmp_path, by_name):
    path = tmp_path / "names.txt"
    path.write_text("red\ngreen\nblue\n")
    table = embedded(tmp_path / "logs", {"words": path} if by_name else path)
    (written,) = (tmp_path / "logs").rglob("tensors.tsv")
    np.testing.assert_allclose(np.loadtxt(written), table, rtol=1e-6)
    assert written.with_name("metadata.tsv").read_text().split() == [
        "red", "green", "blue",
    ]  # fmt: skip
    assert "words" in (tmp_path / "logs/train/projector_config.pbtxt").read_text()


@pytest.mark.parametrize(
    ("lines", "name", "words"),
    [(2, "words", "has 2 lines"), (3, "wrods", "Did you mean 'words'")],
)
def test_mismatched_embedding_names_are_refused(tmp_path, lines, name, words):
    path = tmp_path / "names.txt"
    path.write_text("red\n" * lines)
    with pytest.raises(lamina.errors.ArgumentError, match=words):
        embedded(tmp_path / "logs", {name: path})


def branched():
    x = layers.Input((4,), name="x")
    inner = lamina.Sequential(
        [layers.Input((4,)), layers.Dense(3, name="first"), layers.Dropout(0.1)],
        name="inner",
    )
    shared = layers.Dense(3, name="shared")
    y = layers.Add(name="sum")([inner(x) * 2.0, shared(shared(layers.Dense(3)(x)))])
    return lamina.Model(x, layers.Dense(1, name="head")(y), name="outer")


def written(folder):
    """Return what TensorBoard reads from the files of a run."""
    module = "tensorboard.backend.event_processing.event_accumulator"
    reader = pytest.importorskip(module)
    sizes = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)
    found = reader.EventAccumulator(str(folder), size_guidance=sizes)
    found.Reload()
    return found


def test_graph_of_layers_is_written():
    graph_pb2 = pytest.importorskip("tensorboardX.proto.graph_pb2")
    graph = graph_pb2.GraphDef.FromString(serialized_graph(branched()))
    nodes = {node.name: (node.op, list(node.input)) for node in graph.node}
    dense = next(name for name in nodes if name.startswith("dense"))
    dropout = next(name for name in nodes if name.startswith("inner/dropout"))
    assert nodes == {
        "x": ("InputLayer", []),
        "inner/first": ("Dense", ["x"]),
        dropout: ("Dropout", ["inner/first"]),
        "multiply": ("multiply", [dropout]),
        dense: ("Dense", ["x"]),
        "shared": ("Dense", [dense]),
        "shared_1": ("Dense", ["shared"]),
        "sum": ("Add", ["multiply", "shared_1"]),
        "head": ("Dense", ["sum"]),
    }
    [shape] = graph.node[-1].attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 1]


def test_tensorboard_reads_all_that_is_written(tmp_path):
    model = branched()
    model.compile("sgd", "mse", metrics=["mae"])
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq=1)
    x, y = np.ones((4, 4), "float32"), np.ones((4, 1), "float32")
    history = model.fit(
        x, y, batch_size=2, epochs=2, validation_data=(x, y), verbose=0,
        callbacks=[board],
    )  # fmt: skip
    train, validation = (written(tmp_path / n) for n in ("train", "validation"))
    for name in ("loss", "mae"):
        scalars = [event.value for event in train.Scalars(f"epoch_{name}")]
        assert scalars == pytest.approx(history.history[name])
        scalars = [event.value for event in validation.Scalars(f"epoch_{name}")]
        assert scalars == pytest.approx(history.history[f"val_{name}"])
        assert [event.step for event in train.Scalars(f"batch_{name}")] == [1, 2, 3, 4]
    kernel = model.get_layer("head").kernel.numpy()
    last = train.Histograms("head/kernel/histogram")[-1]
    assert last.step == 1
    assert last.histogram_value.num == kernel.size
    assert last.histogram_value.sum == pytest.approx(kernel.sum())
    image = train.Images("head/kernel/image")[-1]
    assert (image.width, image.height) == (1, 3)
    [text] = train.Tensors("model/text_summary")
    assert b"Trainable params" in text.tensor_proto.string_val[0]
    assert {node.op for node in train.Graph().node} >= {"Dense", "Add"}
