"""Core layers: input, dense layers, embedding, functions, masking, wrapper."""
