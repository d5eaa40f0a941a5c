"""Atomic file writes, checksums, bounded JSON, HDF5 and safetensors."""
