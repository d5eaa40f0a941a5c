"""Configs that name code, files or addresses: nothing runs, nothing is opened."""

from __future__ import annotations

import base64
import json
import marshal
import pickle
import subprocess
from typing import Any, NamedTuple

import pytest

import lamina
from lamina import layers, saving
from tests.security.harmless import harmless, refused
from tests.security.hostile import changed, function, good_config, keras_file, model_of
from tests.security.hostile import layer as config_of
from tests.tables.cases import named


class Row(NamedTuple):
    """The config of a layer that does harm where it works, and why it is refused."""

    name: str
    config: dict[str, Any]
    reason: str


class Bomb:
    """An object that runs a command when it is unpickled."""

    def __reduce__(self):
        return subprocess.check_call, (["touch", "harm"],)


# A function as old versions of Keras wrote it, which runs a command when called.
CODE = compile("__import__('os').system('touch harm')", "harm", "eval")
BODY = [base64.b64encode(marshal.dumps(CODE)).decode(), None, None]
LAMBDA = {"class_name": "__lambda__", "config": {"value": BODY}}
PICKLE = base64.b64encode(pickle.dumps(Bomb())).decode()
UNKNOWN = "which lamina does not know"

ROWS = [
    # CVE-2024-3660: the body of a function as bytecode.
    Row(
        "CVE-2024-3660:lambda_body",
        config_of("Lambda", function=LAMBDA),
        "never runs code",
    ),
    Row(
        "CVE-2024-3660:lambda_body_of_keras_2",
        config_of("Lambda", function=BODY, function_type="lambda"),
        "never runs code",
    ),
    Row(
        "CVE-2024-3660:lambda_body_alone",
        config_of("Lambda", function=BODY),
        "never runs code",
    ),
    Row(
        "CVE-2024-3660:lambda_shape_body",
        config_of("Lambda", function=function("relu"), output_shape=LAMBDA),
        "never runs code",
    ),
    Row(
        "CVE-2024-3660:lambda_mask_body",
        config_of("Lambda", function=function("relu"), mask=LAMBDA),
        "never runs code",
    ),
    Row(
        "CVE-2024-3660:body_as_activation",
        config_of("Dense", units=1, activation=LAMBDA),
        "never",
    ),
    # CVE-2025-1550: any module, class and arguments.
    Row(
        "CVE-2025-1550:system", config_of("system", "os", command="touch harm"), UNKNOWN
    ),
    Row(
        "CVE-2025-1550:popen",
        config_of("Popen", "subprocess", args=["touch", "harm"]),
        UNKNOWN,
    ),
    Row("CVE-2025-1550:exec", config_of("exec", "builtins", source="1 / 0"), UNKNOWN),
    Row(
        "CVE-2025-1550:import",
        config_of("import_module", "importlib", name="antigravity"),
        UNKNOWN,
    ),
    Row(
        "CVE-2025-1550:system_as_function",
        function("system", "os"),
        "the function 'system'",
    ),
    Row("CVE-2025-1550:exec_as_function", function("exec"), "the function 'exec'"),
    Row(
        "CVE-2025-1550:system_by_a_path",
        config_of("Lambda", function=function("os.system")),
        "the function 'os.system'",
    ),
    Row(
        "CVE-2025-1550:system_as_activation",
        config_of("Dense", units=1, activation=config_of("system", "os")),
        UNKNOWN,
    ),
    Row(
        "CVE-2025-1550:system_as_initializer",
        config_of("Dense", units=1, kernel_initializer=function("system", "os")),
        "the function 'system'",
    ),
    # CVE-2025-8747: a function of the library itself, with arguments of the file's.
    Row(
        "CVE-2025-8747:get_file",
        config_of(
            "Lambda",
            function=function("get_file", "keras.utils"),
            arguments={"origin": "http://127.0.0.1:9/harm"},
        ),
        "the function 'get_file'",
    ),
    Row(
        "CVE-2025-8747:get_file_as_class", config_of("get_file", "keras.utils"), UNKNOWN
    ),
    Row(
        "CVE-2025-8747:get_file_inside",
        config_of("get_file", "keras.src.utils.file_utils"),
        UNKNOWN,
    ),
    # CVE-2025-9906: first a call that turns safety off.
    Row(
        "CVE-2025-9906:enable_unsafe",
        config_of("enable_unsafe_deserialization", "keras.config"),
        UNKNOWN,
    ),
    Row(
        "CVE-2025-9906:enable_unsafe_as_function",
        config_of("Lambda", function=function("enable_unsafe_deserialization")),
        "the function 'enable_unsafe_deserialization'",
    ),
    Row(
        "CVE-2025-9906:load_another",
        config_of(
            "Lambda",
            function=function("load_model", "keras.saving"),
            arguments={"filepath": "other.keras", "safe_mode": False},
        ),
        "the function 'load_model'",
    ),
    # CVE-2025-49655: a pickle of torch in a layer's config.
    Row(
        "CVE-2025-49655:torch",
        {**config_of("TorchModuleWrapper"), "config": {"module": PICKLE}},
        "never runs code",
    ),
    # CVE-2025-12058: a vocabulary read from a path or an address.
    Row(
        "CVE-2025-12058:passwords",
        config_of("StringLookup", vocabulary="/etc/passwd"),
        "has the path",
    ),
    Row(
        "CVE-2025-12058:internal_address",
        config_of("StringLookup", vocabulary="http://169.254.169.254/latest"),
        "has the path",
    ),
    Row(
        "CVE-2025-12058:numbers",
        config_of("IntegerLookup", vocabulary="/etc/passwd"),
        "has the path",
    ),
    # CVE-2026-1462: a graph of TensorFlow's from a folder.
    Row(
        "CVE-2026-1462:saved_model",
        config_of("TFSMLayer", filepath="/harm/saved_model"),
        "a program of TensorFlow",
    ),
    # CVE-2026-12479: a name that leads out of the folder of assets.
    Row(
        "CVE-2026-12479:name_up",
        config_of("Dense", units=1, name="../../harm"),
        "without '/'",
    ),
    Row(
        "CVE-2026-12479:name_root",
        config_of("Dense", units=1, name="/harm"),
        "without '/'",
    ),
    Row(
        "CVE-2026-12479:name_of_parent",
        config_of("Dense", units=1, name=".."),
        "without '/'",
    ),
    Row("names:name_with_zero", config_of("Dense", units=1, name="a\0b"), "printable"),
    Row(
        "names:name_with_escape",
        config_of("Dense", units=1, name="a\x1b[2J"),
        "printable",
    ),
    Row(
        "names:name_of_a_megabyte",
        config_of("Dense", units=1, name="a" * 99_999),
        "255",
    ),
    # #23115: functions of the library that read and write files.
    *(
        Row(
            f"#23115:{name}",
            config_of("Lambda", function=function(name, "keras.utils")),
            name,
        )
        for name in (
            "load_img",
            "save_img",
            "image_dataset_from_directory",
            "load_weights",
            "plot_model",
            "deserialize_keras_object",
        )
    ),
    # A name of Keras's in another place, or of another kind.
    Row("shadowing:op_of_keras", config_of("Multiply", "keras.src.ops.numpy"), UNKNOWN),
    Row("shadowing:foreign_dense", config_of("Dense", "harm.layers", units=1), UNKNOWN),
    Row("shadowing:dunder", config_of("__class__", units=1), UNKNOWN),
    Row(
        "shadowing:dunder_argument",
        config_of("Dense", units=1, __class__="x"),
        "no argument",
    ),
    Row(
        "shadowing:optimizer_as_layer",
        config_of("Adam", "keras.optimizers"),
        "takes layers",
    ),
    Row(
        "shadowing:layer_as_initializer",
        config_of("Dense", units=1, kernel_initializer=config_of("Dense", units=1)),
        "as an initializer",
    ),
    Row(
        "shadowing:loss_as_regularizer",
        config_of(
            "Dense",
            units=1,
            kernel_regularizer=config_of("MeanSquaredError", "keras.losses"),
        ),
        "as a regularizer",
    ),
    Row(
        "shadowing:class_is_no_text",
        {"class_name": ["Dense"], "config": {}},
        "must be a string",
    ),
    Row(
        "shadowing:module_is_no_text",
        {"class_name": "Dense", "module": {}, "config": {}},
        "must be a string",
    ),
    Row("shadowing:function_is_no_text", function({"a": 1}), "must be a string"),
    # Arrays of objects are pickles in disguise; types can hide a size.
    *(
        Row(
            f"dtypes:array_of_{dtype}",
            config_of(
                "Dense",
                units=1,
                bias_initializer=config_of(
                    "Constant",
                    "keras.initializers",
                    value={
                        "class_name": "__numpy__",
                        "config": {"value": [1], "dtype": dtype},
                    },
                ),
            ),
            "an array of",
        )
        for dtype in ("O", "object", "V1000000000", "(1000000000,)f8", "S1000000000")
    ),
]

# These name a layer that exists, of a module that doesn't have it.
ABOUT_MODULES = {
    "shadowing:op_of_keras",
    "shadowing:foreign_dense",
    "shadowing:module_is_no_text",
}


@pytest.mark.parametrize("row", named(ROWS))
def test_a_file_is_refused(row, tmp_path):
    path = keras_file(tmp_path / "harm.keras", model_of(row.config))
    with refused(row.reason, path):
        lamina.models.load_model(path)


@pytest.mark.parametrize("row", named(ROWS))
def test_every_other_entry_refuses_it(row):
    """CVE-2026-12481: entries that forgot about safety."""
    config = model_of(row.config)
    with refused(row.reason):
        lamina.models.model_from_json(json.dumps(config))
    with refused(row.reason):
        saving.deserialize_keras_object(config)
    with refused(row.reason):
        lamina.Sequential.from_config(config["config"])
    if row.name in ABOUT_MODULES:
        return
    if row.config["class_name"] in layers.__all__:
        with refused(row.reason):
            cls = getattr(layers, row.config["class_name"])
            model_with(cls.from_config(row.config["config"]))
    without_module = {k: v for k, v in row.config.items() if k != "module"}
    with refused(row.reason):
        model_with(layers.deserialize(without_module))


def model_with(layer):
    return lamina.Sequential([layers.Input((4,)), layer])


def test_the_compile_arguments_follow_the_same_rules(tmp_path):
    for key, value, reason in [
        ("loss", LAMBDA, "never runs code"),
        ("loss", function("system", "os"), "the function 'system'"),
        ("optimizer", config_of("system", "os"), UNKNOWN),
        ("metrics", [LAMBDA], "never runs code"),
    ]:
        config = changed(good_config(), "compile_config", key, to=value)
        path = keras_file(tmp_path / "harm.keras", config)
        with refused(reason, path):
            lamina.models.load_model(path)


def test_yaml_is_no_config(tmp_path):
    """CVE-2021-37678: tags of YAML that call anything."""
    text = b"!!python/object/apply:os.system ['touch harm']"
    path = keras_file(tmp_path / "harm.keras", **{"config.json": text})
    with refused("not valid JSON", path):
        lamina.models.load_model(path)
    path = tmp_path / "harm.yaml"
    path.write_bytes(text)
    with refused("not a model file", path):
        lamina.models.load_model(path)


def test_a_lambda_is_loaded_with_a_function_of_the_callers(tmp_path):
    def double(x):
        return 2 * x

    model = lamina.Sequential([layers.Input((4,)), layers.Lambda(double)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(lamina.errors.FileFormatError, match="the function 'double'"):
        lamina.models.load_model(tmp_path / "model.keras")
    loaded = lamina.models.load_model(
        tmp_path / "model.keras", custom_objects={"double": double}
    )
    assert loaded.layers[0].function is double


@pytest.mark.parametrize("unsafe", [False, 0, None])
def test_there_is_no_unsafe_mode(unsafe, tmp_path):
    config = model_of(ROWS[0].config)
    path = keras_file(tmp_path / "harm.keras", config)
    reason = "no unsafe mode(.|\n)*Pass(.|\n)*custom_objects"
    with refused(reason, path):
        lamina.models.load_model(path, safe_mode=unsafe)
    with refused(reason):
        saving.deserialize_keras_object(config, safe_mode=unsafe)


KINDS = {
    "layers": layers,
    "losses": lamina.losses,
    "metrics": lamina.metrics,
    "optimizers": lamina.optimizers,
    "schedules": lamina.optimizers.schedules,
    "activations": lamina.activations,
    "initializers": lamina.initializers,
    "regularizers": lamina.regularizers,
    "constraints": lamina.constraints,
}
OF_ANY_KIND = {
    "CVE-2024-3660:body": LAMBDA,
    "CVE-2025-1550:class": config_of("Popen", "subprocess", args=["touch", "harm"]),
    "CVE-2025-1550:without_module": {"class_name": "Popen", "config": {"args": "ls"}},
    "CVE-2025-1550:function": function("system", "os"),
    "CVE-2025-8747:get_file": function("get_file", "keras.utils"),
    "CVE-2025-49655:pickle": config_of("TorchModuleWrapper", module=PICKLE),
    "#23115:load_img": function("load_img", "keras.utils"),
}


@pytest.mark.parametrize("name", OF_ANY_KIND)
@pytest.mark.parametrize("kind", KINDS)
def test_objects_of_every_kind_follow_the_same_rules(kind, name):
    with refused("never runs code|which lamina does not know"):
        KINDS[kind].deserialize(OF_ANY_KIND[name])
    if hasattr(KINDS[kind], "get"):
        with refused("never runs code|which lamina does not know"):
            KINDS[kind].get(OF_ANY_KIND[name])


@pytest.mark.parametrize(
    "name", ["os.system", "builtins>eval", "eval", "__import__", "keras.utils.get_file"]
)
@pytest.mark.parametrize("kind", [k for k in KINDS if hasattr(KINDS[k], "get")])
def test_a_name_is_looked_up_in_tables_only(kind, name):
    """CVE-2025-1550: a dotted path, or a function of Python's."""
    with refused("Unknown"):
        KINDS[kind].deserialize(name)


def test_cloning_runs_nothing_but_what_is_there(tmp_path):
    """CVE-2026-12481: a clone's functions are those of the model, not of a text."""

    def double(x):
        return 2 * x

    model = lamina.Sequential([layers.Input((4,)), layers.Lambda(double)])
    with harmless():
        clone = lamina.models.clone_model(model, clone_function=lambda layer: layer)
    assert clone.layers[0].function is double
    with refused("the function 'double'"):
        layers.Lambda.from_config(model.layers[0].get_config())


def test_a_registered_name_takes_no_place_of_the_librarys():
    @saving.register_keras_serializable("harm")
    class Thief(layers.Layer):
        pass

    config = {**config_of("Dense", units=1), "registered_name": "harm>Thief"}
    with pytest.raises(lamina.errors.FileFormatError, match="registered_name"):
        saving.deserialize_keras_object(config)
    config = {
        **config_of("Thief", "elsewhere"),
        "registered_name": "keras.layers>Dense",
    }
    with pytest.raises(lamina.errors.FileFormatError, match=UNKNOWN):
        saving.deserialize_keras_object(config)


def test_a_subclass_is_not_saved_as_its_registered_base():
    @saving.register_keras_serializable()
    class Base(layers.Layer):
        pass

    class Derived(Base):
        pass

    config = saving.serialize_keras_object(Derived())
    assert config["registered_name"] == "Derived"


@pytest.mark.parametrize("name", ["{0}%s%n", "(((a+)+)+)$", "[b]", "[link=x]", "<b>"])
def test_names_are_only_names(name, tmp_path, capsys):
    """Regular expressions, formats and markup in a name mean nothing."""
    config = json.loads(json.dumps(good_config()).replace('"hidden"', json.dumps(name)))
    model = lamina.models.load_model(keras_file(tmp_path / "odd.keras", config))
    assert model.layers[1].name == name
    model.summary()
    assert name[:3] in capsys.readouterr().out
