"""Files, checksums, HDF5, safetensors and readers with bounds."""
