"""Diagrams of models."""
