"""Old names, and where lamina has what they stand for."""

from __future__ import annotations

from lamina.saving.legacy.names import LOSSES

# Versions that programs compare with.
VERSIONS = {
    "keras": "3.15.1",
    "keras_core": "0.1.7",
    "keras_preprocessing": "1.1.2",
    "tensorflow": "2.9.3",  # as text too, it is not before "2.4"
    "tensorflow.keras": "2.9.0",
}

_LAYERS = "lamina.compat.keras.layers"
_OWN_LAYERS = (
    *("Convolution1D", "Convolution2D", "Convolution3D", "SeparableConvolution2D"),
    *("AtrousConvolution1D", "AtrousConvolution2D", "Deconvolution2D"),
    *("TimeDistributedDense", "CuDNNLSTM", "CuDNNGRU", "merge", "Merge"),
    *("MaxoutDense", "Highway", "TFSMLayer"),
)
_FUNCTIONS = "lamina.compat.keras.functions"
_PREPROCESSING = "lamina.compat.keras.preprocessing"
_SHORT_NAMES = {
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_UPPER_CASE = {name.upper(): function for name, function in _SHORT_NAMES.items()}
_LOSSES = {
    name: f"lamina.losses:{function}"
    for name, function in {**LOSSES, **_SHORT_NAMES, **_UPPER_CASE}.items()
}
_SHAPES = "lamina.compat.keras.backend.shapes"
_RENAMED = {
    "": {"version": f"{_FUNCTIONS}:version"},
    "layers": {
        **{
            f"LocallyConnected{n}D": f"lamina.compat.keras.local:LocallyConnected{n}D"
            for n in (1, 2)
        },
        **{
            name: f"lamina.compat.keras.advanced_activations:{name}"
            for name in ("ParametricSoftplus", "SReLU", "ThresholdedReLU")
        },
        "Convolution2DTranspose": "lamina.compat.keras.layers:Deconvolution2D",
        "SeparableConv1D": "lamina.layers:SeparableConv1D",
        "AbstractRNNCell": "lamina.layers:Layer",
        "Recurrent": "lamina.layers:RNN",
        "_Merge": "lamina.compat.keras.layers:MergeBase",
        "MaskedLayer": "lamina.layers:Layer",
        "Model": "lamina:Model",
        "Sequential": "lamina:Sequential",
        "BatchNormalizationV1": "lamina.layers:BatchNormalization",
        "BatchNormalizationV2": "lamina.layers:BatchNormalization",
        "SyncBatchNormalization": "lamina.layers:BatchNormalization",
    },
    "saving": {
        "load_model": "lamina.compat.files:load_model",
        "save_model": "lamina.compat.files:save_model",
        "deserialize_keras_object": (
            "lamina.compat.keras.source:deserialize_keras_object"
        ),
    },
    "applications.imagenet_utils": {
        name: f"{_SHAPES}:obtain_input_shape"
        for name in ("_obtain_input_shape", "obtain_input_shape")
    },
    "models": {
        **dict.fromkeys(("Container", "Network"), "lamina:Model"),
        "get_source_inputs": "lamina.utils:get_source_inputs",
        "model_from_config": f"{_FUNCTIONS}:model_from_config",
        "slice_X": f"{_FUNCTIONS}:slice_arrays",
        "model_from_yaml": f"{_FUNCTIONS}:model_from_yaml",
        "load_model": "lamina.compat.files:load_model",
        "save_model": "lamina.compat.files:save_model",
        "Input": "lamina:Input",
        "Merge": "lamina.compat.keras.layers:Merge",
    },
    "losses": {
        **_LOSSES,
        "bce": "lamina.losses:binary_crossentropy",
        "BCE": "lamina.losses:binary_crossentropy",
        "Reduction": f"{_FUNCTIONS}:Reduction",
    },
    "metrics": {
        **_LOSSES,
        "cosine_similarity": "lamina.losses:cosine_similarity",
        **{
            name: f"lamina.compat.keras.metrics:{name}"
            for name in (
                *("fbeta_score", "fmeasure", "matthews_correlation"),
                *("precision", "recall"),
            )
        },
    },
    "backend": {
        "_get_available_gpus": "lamina.compat.keras.backend.variables:available_gpus",
    },
    "regularizers": {
        "l1l2": "lamina.regularizers:L1L2",
        "activity_l1": "lamina.regularizers:L1",
        "activity_l2": "lamina.regularizers:L2",
        "activity_l1l2": "lamina.regularizers:L1L2",
        "WeightRegularizer": "lamina.regularizers:L1L2",
    },
    "constraints": {
        "maxnorm": "lamina.constraints:MaxNorm",
        "max_norm": "lamina.constraints:MaxNorm",
        "nonneg": "lamina.constraints:NonNeg",
        "unitnorm": "lamina.constraints:UnitNorm",
        "identity": "lamina.activations:linear",
    },
    "initializers": {
        "normal": "lamina.initializers:RandomNormal",
        "uniform": "lamina.initializers:RandomUniform",
        "_compute_fans": f"{_SHAPES}:get_fans",
        "zero": "lamina.initializers:Zeros",
        "one": "lamina.initializers:Ones",
        "glorot_normal_initializer": "lamina.initializers:GlorotNormal",
        "glorot_uniform_initializer": "lamina.initializers:GlorotUniform",
    },
    "optimizers": {
        **{
            name.lower(): f"lamina.optimizers:{name}"
            for name in (
                *("Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "RMSprop", "SGD"),
            )
        },
        "optimizer_from_config": "lamina.optimizers:deserialize",
    },
    "callbacks": {"BaseLogger": f"{_FUNCTIONS}:BaseLogger"},
    "utils": {
        "plot": "lamina.utils:plot_model",
        **{
            name: f"{_FUNCTIONS}:{name}"
            for name in (
                *("convert_all_kernels_in_model", "count_params", "get_test_data"),
                *("has_arg", "print_summary", "slice_arrays", "to_list"),
                *("unpack_singleton", "warmstart_embedding_matrix"),
            )
        },
        "convert_kernel": f"{_SHAPES}:convert_kernel",
        "conv_output_length": f"{_SHAPES}:conv_output_length",
        "conv_input_length": f"{_SHAPES}:conv_input_length",
        "probas_to_classes": f"{_FUNCTIONS}:probas_to_classes",
        "categorical_probas_to_classes": f"{_FUNCTIONS}:probas_to_classes",
        "multi_gpu_model": f"{_FUNCTIONS}:multi_gpu_model",
        "layer_from_config": "lamina.layers:deserialize",
        "HDF5Matrix": "lamina.compat.keras.hdf5:HDF5Matrix",
        **{
            name: f"{_PREPROCESSING}.enqueuers:{name}"
            for name in ("GeneratorEnqueuer", "OrderedEnqueuer", "SequenceEnqueuer")
        },
    },
    "preprocessing": {
        "image_dataset_from_directory": "lamina.utils:image_dataset_from_directory",
    },
    "preprocessing.image": {
        "ImageDataGenerator": f"{_PREPROCESSING}.images:ImageDataGenerator",
        **{
            name: f"{_PREPROCESSING}.random_images:{name}"
            for name in (
                *("DirectoryIterator", "Iterator", "NumpyArrayIterator"),
                *("flip_axis", "list_pictures", "random_brightness"),
                *("random_channel_shift", "random_rotation", "random_shear"),
                *("random_shift", "random_zoom"),
            )
        },
        **{
            name: f"{_PREPROCESSING}.affine:{name}"
            for name in ("apply_transform", "transform_matrix_offset_center")
        },
    },
    "preprocessing.sequence": {
        name: f"{_PREPROCESSING}.sequences:{name}"
        for name in ("TimeseriesGenerator", "make_sampling_table", "skipgrams")
    },
    "legacy": {
        "legacy_get_updates_support": (
            "lamina.compat.keras.optimizers:legacy_get_updates_support"
        ),
    },
    "optimizers.schedules": {
        "LinearCosineDecay": "lamina.optimizers.schedules:CosineDecay",
    },
}
# Names whose meaning has changed, for tf.keras, for modules with old paths, and for all
# modules in a program of Keras 1 or 2.
CHANGED = {"utils.get_file": f"{_FUNCTIONS}:get_file"}
# Names whose meaning has changed in Keras 2.
CHANGED_IN_KERAS_2 = {
    f"ops.{name}": f"lamina.compat.keras.backend.neural:{name}_of_output"
    for name in (
        *("binary_crossentropy", "categorical_crossentropy"),
        "sparse_categorical_crossentropy",
    )
}
# Old names by the path of the module that has their today's meaning.
NAMES: dict[str, str] = {
    **{f"{path}.{n}": o for path, table in _RENAMED.items() for n, o in table.items()},
    **{f"layers.{name}": f"{_LAYERS}:{name}" for name in _OWN_LAYERS},
}
_NO_GRAPH = "lamina runs operations at once, without graphs of TensorFlow 1."
_PIPELINE = "Use `tf.data.Dataset`."
# What to use in place of names that lamina does not have, by the name or its end.
ADVICE = {
    "saved_model": "Save with `model.save('model.keras')`.",
    "estimator": "Use a model of Keras.",
    "feature_column": "Use `keras.utils.FeatureSpace`.",
    "DenseFeatures": "Use `keras.utils.FeatureSpace`.",
    "placeholder": "Use `keras.Input`.",
    "contrib": "Use a layer or optimizer of Keras.",
    "gradients": "Use `tf.GradientTape`.",
    "examples": "Use `keras.datasets.mnist.load_data()`.",
    "tensorflow.layers": "Use `keras.layers`.",
    "v1.layers": "Use `keras.layers`.",
    "Saver": "Save with `model.save_weights` or `tf.train.Checkpoint`.",
    "nn.rnn_cell": "Use `keras.layers.LSTMCell` or `GRUCell`.",
    "nn.dynamic_rnn": "Use `keras.layers.RNN`.",
    "nn.bidirectional_dynamic_rnn": "Use `keras.layers.Bidirectional`.",
    "ExponentialMovingAverage": "Use `use_ema=True` of an optimizer.",
    "lite": "Save with `model.save('model.keras')`.",
    "profiler": "Use `jax.profiler`.",
    "RandomHeight": "Use `keras.layers.RandomZoom`, which keeps the size.",
    "RandomWidth": "Use `keras.layers.RandomZoom(0.0, factor)`, which keeps the size.",
    "TFOptimizer": "Use an optimizer of Keras.",
    **dict.fromkeys(
        (
            *("GraphDef", "import_graph_def", "get_collection", "GraphKeys"),
            *("trainable_variables", "variables_initializer", "get_variable_scope"),
        ),
        _NO_GRAPH,
    ),
    **dict.fromkeys(
        (
            *("train.batch", "train.shuffle_batch", "start_queue_runners"),
            *("string_input_producer", "slice_input_producer", "TextLineReader"),
        ),
        _PIPELINE,
    ),
    "summary.merge_all": "Use `keras.callbacks.TensorBoard`.",
    "summary.merge": "Use `keras.callbacks.TensorBoard`.",
    "Graph": "Use `keras.Model(inputs, outputs)`.",
    "AutoEncoder": "Use `keras.Model(inputs, outputs)`.",
    "TimeDistributedMerge": "Use a Lambda layer.",
    "keras_contrib": "It is a package of its own.",
}


def advice_for(name: str) -> str:
    """Return what to use in place of a dotted name that lamina does not have."""
    return next((text for key, text in ADVICE.items() if f".{key}." in f".{name}."), "")
