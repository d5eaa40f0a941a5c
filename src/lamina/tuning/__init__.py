"""Find a learning rate and a batch size, and test whether a model can learn at all.

Each function trains a compiled model for a short time. Afterwards it restores the
weights, the optimizer and the metrics, bit for bit.
"""

from lamina.tuning.batch_size import BatchSizes, BatchSizeTrial, find_batch_size
from lamina.tuning.learning_rate import LearningRates, lr_find
from lamina.tuning.one_batch import OneBatch, overfit_one_batch
from lamina.tuning.profiling import LayerCost, Profile

__all__ = [
    "BatchSizeTrial",
    "BatchSizes",
    "LayerCost",
    "LearningRates",
    "OneBatch",
    "Profile",
    "find_batch_size",
    "lr_find",
    "overfit_one_batch",
]


def __dir__() -> list[str]:
    return __all__
