"""Mistakes in data, labels and arguments, found before the first step."""
