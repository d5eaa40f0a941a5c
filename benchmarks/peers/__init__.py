"""The same work in lamina, Keras, plain JAX and torch, one file per API.

Each public function is a `Peer.target`: called once in its own process, it prepares the
work and returns the function that runs one round.
"""
