"""The same work in lamina, Keras, plain JAX and torch, one file per API.

Each public function is a `Peer.target`: called once in a process of its own, it makes
everything ready and returns the function that does one round.
"""
