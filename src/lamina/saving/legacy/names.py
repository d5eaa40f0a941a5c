"""Names of classes and arguments of Keras 1 and 2, and their names in Keras 3."""

from __future__ import annotations

from lamina.errors import FileFormatError

_FORMER_CLASSES = {
    "BatchNormalization": (
        "BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization"
    ),
    "Conv1D": "AtrousConvolution1D Convolution1D",
    "Conv2D": "AtrousConvolution2D Convolution2D",
    "Conv2DTranspose": "Convolution2DTranspose Deconvolution2D",
    "Conv3D": "Convolution3D",
    "Dense": "TimeDistributedDense",
    "Functional": "Model Network",
    "GRU": "CuDNNGRU GRUV1 GRUV2",
    "GlorotNormal": "GlorotNormalV2",
    "GlorotUniform": "GlorotUniformV2",
    "L1L2": "ActivityRegularizer L1L2Regularizer WeightRegularizer",
    "LSTM": "CuDNNLSTM LSTMV1 LSTMV2",
    "ReLU": "ThresholdedReLU",
    "SeparableConv2D": "SeparableConvolution2D",
}
CLASSES = {old: new for new, names in _FORMER_CLASSES.items() for old in names.split()}

# The `Merge` of Keras 1, by its mode.
MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}

ARGUMENTS = {
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "atrous_rate": "dilation_rate",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "beta_init": "beta_initializer",
    "bias": "use_bias",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "filter_length": "kernel_size",
    "gamma_init": "gamma_initializer",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "inner_init": "recurrent_initializer",
    "length": "size",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}
# Argument names that differ for one class.
CLASS_ARGUMENTS = {
    "Embedding": {
        "output_dim": "output_dim",
        "init": "embeddings_initializer",
        "W_constraint": "embeddings_constraint",
        "W_regularizer": "embeddings_regularizer",
    },
    "LeakyReLU": {"alpha": "negative_slope"},
    "MaxNorm": {"m": "max_value"},
    "PReLU": {"init": "alpha_initializer"},
    "RepeatVector": {"n": "n"},
    "ReLU": {"theta": "threshold"},
    "SeparableConv2D": {"init": "depthwise_initializer"},
}

# Losses, which are metrics too.
LOSSES = {
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
# Values that were renamed, by the end of the argument's name.
VALUES = {
    "format": {"tf": "channels_last", "th": "channels_first"},
    "initializer": {
        "normal": "random_normal",
        "one": "ones",
        "uniform": "random_uniform",
        "zero": "zeros",
    },
    "loss": LOSSES,
    "reduction": {"auto": "sum_over_batch_size"},
}

# Arguments without effect, and those that the config of the input layer repeats.
_IGNORED = (
    "batch_input_shape batch_size consume_less dtype fused implementation input_dim "
    "input_dtype input_length input_shape quantization_config renorm_clipping "
    "renorm_momentum virtual_batch_size weights"
)
IGNORED_ARGUMENTS = frozenset(_IGNORED.split())


def unsupported(what: str) -> FileFormatError:
    """Return the error for a part of a model that lamina does not support."""
    return FileFormatError(
        f"The model in the file has {what}, which lamina does not support. Build the "
        "model in your program and call `model.load_weights(file)`."
    )
