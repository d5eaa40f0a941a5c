"""Syntax trees of programs with old spellings."""
