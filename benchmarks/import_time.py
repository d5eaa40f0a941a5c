"""Time of a new interpreter that imports a library and exits."""

from benchmarks.claim import Bar, Claim, Peer, Quantity

CLAIM = Claim(
    name="import_time",
    title="a new interpreter that imports one library",
    quantities=(Quantity("start", "start to end", "s"),),
    peers=(
        Peer("lamina", "process:start", {"code": "import lamina"}),
        Peer("jax", "process:start", {"code": "import jax"}),
        Peer("Keras-JAX", "process:start", {"code": "import keras"}),
        Peer("torch", "process:start", {"code": "import torch"}),
        Peer("nothing", "process:start", {"code": ""}, bound=True),
    ),
    bars=(Bar("at most import jax + 0.12 s", "start", ("jax",), factor=1, plus=0.12),),
    rounds=9,
    quick_rounds=5,
)
