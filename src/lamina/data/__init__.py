"""Conversion of arrays, frames, generators and loaders to feeds of batches."""
