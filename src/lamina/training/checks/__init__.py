"""Checks of data, labels and arguments before the first step."""
