"""Measure lamina's claims about speed and memory against other libraries.

`python -m benchmarks` runs every claim, `python -m benchmarks seed_model` one of
them, and `--quick` all of them in under five minutes. Each file here is one claim;
`peers/` has the same work for each library. `--full` adds the slow peers:
torch.compile, and Keras on torch and on TensorFlow.
"""
