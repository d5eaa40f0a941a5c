"""A traceback shows the user's frames, unless filtering is disabled."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import config, layers, ops
from lamina.tracebacks import filter_traceback


def fitted(**compile_arguments: Any) -> Callable[..., Any]:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(3)])
    model.compile("sgd", **{"loss": "mse", **compile_arguments})
    x = np.ones((8, 4), "float32")
    return lambda **arguments: model.fit(x, x[:, :3], verbose=0, **arguments)


def functions(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def packages(error: BaseException) -> set[str]:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return {str(f.f_globals["__name__"]).partition(".")[0] for f in frames}


def test_user_functions_that_training_calls_are_shown():
    def branches_on_a_value(y_true: Any, y_pred: Any) -> Any:
        return y_pred if ops.sum(y_true) > 0 else y_true

    with pytest.raises(Exception, match="need the value of a tensor") as caught:
        fitted(loss=branches_on_a_value)()
    assert functions(caught.value)[-1] == "branches_on_a_value"
    assert packages(caught.value).isdisjoint({"lamina", "jax"})


def test_errors_of_callbacks_end_in_the_callback():
    class Fails(lamina.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyError("wrong")

    with pytest.raises(KeyError) as caught:
        fitted()(callbacks=[Fails()])
    assert functions(caught.value)[-1] == "on_epoch_end"
    assert "lamina" not in packages(caught.value)


def test_errors_of_saving_end_in_user_code(tmp_path: Path):
    class Fails(layers.Dense):
        def get_config(self) -> dict[str, Any]:
            raise KeyError("wrong")

    model = lamina.Sequential([layers.Input((4,)), Fails(3)])
    with pytest.raises(KeyError) as caught:
        model.save(tmp_path / "model.keras")
    assert functions(caught.value)[-1] == "get_config"
    assert "lamina" not in packages(caught.value)


def test_message_ends_the_output():
    class Adds(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + np.ones((7, 7), "float32")

    model = lamina.Sequential([Adds()])
    with pytest.raises(TypeError) as caught:
        model(np.ones((2, 3), "float32"))
    text = "".join(traceback.format_exception(caught.value))
    assert "JAX has removed" not in text
    assert text.splitlines()[-1].startswith("Raised in layer 'adds'")


def test_errors_handled_internally_are_not_chained():
    def handles() -> None:
        try:
            raise KeyError("internal")
        except KeyError:
            lamina.layers.Dense(3, activation="rleu")

    with pytest.raises(lamina.errors.UnknownNameError) as caught:
        handles()
    # This one was raised by the user's own code.
    assert isinstance(caught.value.__context__, KeyError)
    assert not caught.value.__suppress_context__
    with pytest.raises(lamina.errors.LaminaError) as caught:
        lamina.models.load_model("missing.keras")
    text = "".join(traceback.format_exception(caught.value))
    assert text.count("Traceback (most recent call last)") == 1


def test_disabled_filtering_keeps_all_frames():
    config.disable_traceback_filtering()
    with pytest.raises(lamina.errors.ShapeError) as caught:
        lamina.Sequential([layers.Input((5,)), layers.Dense(1)])(np.ones((2, 4)))
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()
    assert "lamina" in packages(caught.value)
    assert functions(caught.value)[-1] == "_fit_input"


def test_interrupts_are_filtered_too():
    class Interrupts(lamina.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        fitted()(callbacks=[Interrupts()])
    assert "lamina" not in packages(caught.value)


NAMESPACES = ("activations", "constraints", "initializers", "losses", "metrics")
NAMESPACES = (*NAMESPACES, "optimizers", "regularizers")


@pytest.mark.parametrize("name", NAMESPACES)
@pytest.mark.parametrize("function", ["get", "deserialize"])
def test_unknown_names_show_one_frame(name: str, function: str) -> None:
    with pytest.raises(lamina.errors.UnknownNameError) as caught:
        getattr(getattr(lamina, name), function)("unknown")
    assert functions(caught.value) == ["test_unknown_names_show_one_frame"]


def test_functions_without_a_graph_are_filtered() -> None:
    for call in (lambda: ops.zeros("ab"), lambda: lamina.random.normal("ab")):
        with pytest.raises(TypeError) as caught:
            call()
        assert len(functions(caught.value)) <= 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: config.set_floatx("x"),
        lambda: config.set_matmul_precision("x"),
        lambda: config.set_max_epochs(-1),
    ],
)
def test_errors_of_settings_show_their_frames_without_filtering(
    call: Callable[[], None],
) -> None:
    with pytest.raises(lamina.errors.ArgumentError) as caught:
        call()
    assert "lamina" not in packages(caught.value)
    config.disable_traceback_filtering()
    try:
        with pytest.raises(lamina.errors.ArgumentError) as caught:
            call()
    finally:
        config.enable_traceback_filtering()
    assert "lamina" in packages(caught.value)


def test_attribute_error_of_a_program_keeps_its_text():
    @filter_traceback
    def call():
        raise AttributeError("config has no attribute 'rate'")

    with pytest.raises(AttributeError, match="config has no attribute 'rate'"):
        call()


@pytest.mark.parametrize("is_traced", [True, False])
def test_attribute_that_a_tensor_lacks_is_explained(is_traced):
    def call(x):
        return x.backward()

    run = filter_traceback(jax.jit(call) if is_traced else call)
    with pytest.raises(AttributeError, match="A tensor has no attribute 'backward'"):
        run(jax.numpy.ones(2))
