"""Compiled programs in files, and which of them a script is likely to need."""
