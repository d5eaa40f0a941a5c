"""From what users have (arrays, frames, generators, loaders) to what `fit` runs on."""
