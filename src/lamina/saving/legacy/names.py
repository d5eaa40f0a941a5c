"""Names of classes and arguments of Keras 1 and 2, and their names in Keras 3."""

from __future__ import annotations

CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    "TimeDistributedDense": "Dense",
    "SyncBatchNormalization": "BatchNormalization",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "Model": "Functional",
    "Network": "Functional",
    "L1L2Regularizer": "L1L2",
    "WeightRegularizer": "L1L2",
    "ActivityRegularizer": "L1L2",
    "GlorotUniformV2": "GlorotUniform",
    "GlorotNormalV2": "GlorotNormal",
}

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

# Arguments without effect, and those that the config of the input layer repeats.
IGNORED_ARGUMENTS = frozenset(
    [
        "batch_input_shape", "batch_size", "consume_less", "dtype", "fused",
        "implementation", "input_dim", "input_dtype", "input_length", "input_shape",
        "quantization_config", "renorm_clipping", "renorm_momentum",
        "virtual_batch_size", "weights",
    ]
)  # fmt: skip
