"""Files are in the cache of Keras, and archives are unpacked as in Keras 2."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina.compat.defaults import Release, use
from lamina.errors import MissingMethodError, StateError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def zipped(path: Path) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("words/a.txt", "text")
    return path.as_uri()


def test_archive_is_unpacked_beside_itself(tmp_path, home):
    import tensorflow as tf
    from keras.utils.data_utils import get_file

    origin = zipped(tmp_path / "words.zip")
    for function in (tf.keras.utils.get_file, get_file):
        path = Path(function("words.zip", origin, extract=True))
        assert path == home / "words.zip" and path.is_file()
        assert (path.parent / "words" / "a.txt").read_text() == "text"


def test_path_of_keras_3_is_the_folder_with_links_beside_it(tmp_path, home):
    import keras

    origin = zipped(tmp_path / "words.zip")
    path = Path(keras.utils.get_file("words.zip", origin, extract=True))
    assert path == home / "words_extracted"
    for folder in (path, path.parent):
        assert (folder / "words" / "a.txt").read_text() == "text"


def test_link_to_a_folder_that_was_moved_is_replaced(tmp_path, home):
    import keras

    home.mkdir(parents=True)
    (home / "words").symlink_to(tmp_path / "moved")
    origin = zipped(tmp_path / "words.zip")
    keras.utils.get_file("words.zip", origin, extract=True)
    assert (home / "words" / "a.txt").read_text() == "text"


def test_path_of_keras_2_is_the_archive(tmp_path, home):
    with use(Release.KERAS_2_3):
        import keras

        origin = zipped(tmp_path / "words.zip")
        path = keras.utils.get_file("words.zip", origin, extract=True)
    assert Path(path) == home / "words.zip"


def test_upgraded_program_finds_an_archive_unpacked_beside_itself(
    tmp_path, monkeypatch
):
    upgrade_text = pytest.importorskip("lamina.compat.upgrade.program").upgrade_text
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    origin = zipped(tmp_path / "words.zip")
    old = (
        "import tensorflow as tf\n"
        f"path = tf.keras.utils.get_file('words.zip', {origin!r}, extract=True)\n"
    )
    values = {}
    exec(upgrade_text(old, "lamina").text, values)
    assert (Path(values["path"]).with_name("words") / "a.txt").read_text() == "text"


def test_untar_returns_the_folder_in_the_archive(tmp_path):
    import tensorflow as tf

    source = tmp_path / "photos.tgz"
    with tarfile.open(source, "w:gz") as archive:
        member = tarfile.TarInfo("photos/a.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    path = tf.keras.utils.get_file("photos", source.as_uri(), untar=True)
    assert (Path(path) / "a.txt").read_text() == "text"


def test_files_without_an_ending_get_one(tmp_path, capsys):
    import keras
    import numpy as np

    x = np.ones((2, 3))
    model = keras.Sequential([keras.layers.Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    path = str(tmp_path / "model")
    model.save(path, save_format="tf")
    assert "model.keras" in capsys.readouterr().err
    keras.models.save_model(model, str(tmp_path / "other"))
    for saved in path, str(tmp_path / "other"):
        loaded = keras.models.load_model(saved)
        np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    model.save_weights(str(tmp_path / "checkpoint"))
    loaded.set_weights([w * 2 for w in model.get_weights()])
    loaded.load_weights(str(tmp_path / "checkpoint"))
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "at_{epoch}"))
    model.fit(x, x[:, :1], verbose=0, callbacks=[checkpoint])
    assert (tmp_path / "at_1.keras").is_file()


def test_model_of_an_own_class_is_loaded_without_it(tmp_path):
    import keras
    import numpy as np

    global Double

    class Double(keras.layers.Layer):
        def __init__(self, **options):
            super(Double, self).__init__(**options)  # noqa: UP008, F821

        def call(self, inputs):
            return 2 * inputs

    model = keras.Sequential([keras.Input((3,)), Double()])
    model.save(str(tmp_path / "model"))
    del Double
    loaded = keras.models.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(np.ones((1, 3))), [[2, 2, 2]])
    assert "Double" not in globals()


def test_exported_model_is_a_layer(tmp_path):
    import keras
    import numpy as np

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.head, self.drop = keras.layers.Dense(2), keras.layers.Dropout(0.5)

        def call(self, inputs):
            first, second = inputs
            return self.head(self.drop(first)), second

    x = np.ones((3, 4), "float32")
    net = Net()
    expected = net((x, x))
    net.export(tmp_path / "folder")
    for training in None, True:
        outputs = keras.layers.TFSMLayer(tmp_path / "folder")((x, x), training=training)
        assert_allclose(outputs[0], expected[0])
        assert_allclose(outputs[1], x)
    named = keras.layers.TFSMLayer(tmp_path / "folder", call_endpoint="serving_default")
    values = named((x, x))
    assert list(values) == ["output_1", "output_2"]
    assert_allclose(values["output_1"], expected[0])
    (tmp_path / "of_tensorflow").mkdir()
    with pytest.raises(MissingMethodError, match="program of TensorFlow"):
        keras.layers.TFSMLayer(tmp_path / "of_tensorflow")


def test_sizes_may_be_arrays():
    import tensorflow as tf

    size = tf.math.reduce_prod((2, 3))
    assert tf.keras.layers.Dense(size).units == 6
    assert tf.keras.layers.Dense(units=size).get_config()["units"] == 6


def test_weights_of_a_model_that_defines_its_own_call_operator(tmp_path, monkeypatch):
    from tensorflow.keras import Model, layers

    class Net(Model):
        def __init__(self):
            super().__init__()
            self.first, self.unused = layers.Dense(2), layers.Dense(3)
            self.last = layers.Dense(1)

        def __call__(self, x):
            return self.last(self.first(x))

    monkeypatch.chdir(tmp_path)
    x = np.ones((2, 4), "float32")
    net, other = Net(), Net()
    expected = np.asarray(net(x))
    net.save_weights("net.ckpt")
    assert not np.allclose(other(x), expected)
    other.load_weights("net.ckpt")
    assert_allclose(other(x), expected)
    with pytest.raises(StateError, match="no weights yet"):
        Net().save_weights("net.ckpt")
