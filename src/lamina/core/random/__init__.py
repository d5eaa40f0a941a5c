"""Random seeds, samples and dropout."""
