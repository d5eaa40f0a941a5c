"""The data of a run, taken from a model and the arguments of `fit`."""
