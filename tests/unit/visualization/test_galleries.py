"""Grids of images in files."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lamina import visualization
from lamina.errors import ArgumentError

RAMP = np.linspace(0, 255, 5).astype("uint8")
IMAGES = np.broadcast_to(RAMP[:, None, None, None], (5, 4, 6, 3))
BOXES = {"boxes": np.full((5, 1, 4), [1, 1, 4, 3]), "labels": np.ones((5, 1))}


@pytest.fixture(autouse=True)
def without_display():
    with plt.rc_context({"backend": "agg"}):
        plt.switch_backend("agg")
        yield
        plt.close("all")


def figure_of(plot, *args, **kwargs):
    plot(*args, show=False, **kwargs)
    figure = plt.gcf()
    panels = [ax for ax in figure.axes if ax.images]
    return figure, [np.asarray(ax.images[0].get_array()) for ax in panels]


def test_grid_shows_all_images_with_titles():
    figure, drawn = figure_of(
        visualization.plot_image_gallery,
        IMAGES,
        y_true=[0, 1, 0, 1, 1],
        y_pred=np.array([0, 0, 0, 0, 7]),
        label_map={0: "cat", 1: "dog"},
    )
    assert np.array_equal(drawn, IMAGES)
    assert len(figure.axes) == 6
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[1] == "Label: dog  Pred: cat"
    assert titles[4] == "Label: dog  Pred: Unknown"


def test_value_range_and_layout_are_converted():
    planes = IMAGES.transpose(0, 3, 1, 2) / 127.5 - 1
    _, drawn = figure_of(
        visualization.plot_image_gallery,
        planes + 1e-6,
        value_range=(-1, 1),
        data_format="channels_first",
    )
    assert np.array_equal(drawn, IMAGES)


def test_boxes_are_drawn_on_scaled_images_with_a_legend():
    figure, drawn = figure_of(
        visualization.plot_bounding_box_gallery,
        IMAGES / 255.0 + 1e-6,
        "xyxy",
        y_true=BOXES,
        y_pred=BOXES,
        value_range=(0, 1),
        line_thickness=1,
        legend=True,
    )
    assert drawn[2][1, 1].tolist() == [255, 235, 59]
    assert np.array_equal(drawn[2][0], IMAGES[2, 0])
    assert len(figure.legends[0].texts) == 2


def test_masks_are_drawn_beside_the_images():
    masks = np.zeros((5, 4, 6, 1))
    masks[:, 0, 0] = 1
    figure, drawn = figure_of(
        visualization.plot_segmentation_mask_gallery,
        IMAGES,
        1,
        y_true=masks,
        y_pred=masks[..., 0],
        ignore_index=0,
        alpha=1.0,
    )
    assert len(figure.axes) == 15
    assert np.array_equal(drawn[::3], IMAGES)
    assert drawn[1][0, 0].tolist() == [1, 127, 31]
    assert np.array_equal(drawn[1], drawn[2])


def test_file_is_written_and_the_figure_closed(tmp_path):
    path = tmp_path / "gallery.png"
    visualization.plot_image_gallery(IMAGES[..., :1], path=path, rows=1)
    assert plt.imread(path).ndim == 3
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"path": "a.png", "show": True}, "not both"),
        ({"y_true": [0]}, "`label_map`"),
    ],
)
def test_invalid_arguments_are_errors(kwargs, words):
    with pytest.raises(ArgumentError, match=words):
        visualization.plot_image_gallery(IMAGES, **kwargs)


def test_two_legends_are_an_error():
    with pytest.raises(ArgumentError, match="not both"):
        visualization.plot_bounding_box_gallery(
            IMAGES, "xyxy", legend=True, legend_handles=[1]
        )
