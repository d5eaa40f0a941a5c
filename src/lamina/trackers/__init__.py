"""Callbacks that send a training run to an experiment tracker."""
