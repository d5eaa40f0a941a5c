"""Runs that are kept in a folder and resumed."""
