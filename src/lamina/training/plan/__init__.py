"""Losses and metrics of `compile` for the outputs of a model."""
