"""Tables and diagrams of models, and plots of training."""

from __future__ import annotations

from lamina.viz.summary import notebook_table, print_summary

__all__ = ["notebook_table", "print_summary"]
