"""Calls in programs with old spellings, and their forms today."""
