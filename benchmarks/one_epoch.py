"""Train one epoch: `python -m benchmarks.one_epoch NETWORK TARGET ARGUMENTS [--quick]`.

`TARGET` is a function of `benchmarks.peers` and `ARGUMENTS` are its arguments as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial

from benchmarks import workload
from benchmarks.claim import Peer
from benchmarks.worker import PeerMissing

# The data of Auto MPG is random: each process would start another one to read the file.
NETWORKS = {
    "seed_model": workload.SEED,
    "auto_mpg": replace(
        workload.AUTO_MPG,
        data=partial(workload.random_table, columns=9),
        epochs=1,
        quick_epochs=None,
    ),
    "mnist_cnn": workload.MNIST_CNN,
    "vgg": workload.VGG,
    "resnet20": workload.RESNET20,
    "lstm": workload.LSTM,
    "transformer": workload.TRANSFORMER,
    "tabular": workload.TABULAR,
}


def main() -> None:
    network, target, arguments, *options = sys.argv[1:]
    task = {**json.loads(arguments), "training": NETWORKS[network]}
    try:
        with redirect_stdout(sys.stderr):
            answer = dict(Peer(network, target, task).set_up("--quick" in options)())
    except (ModuleNotFoundError, PeerMissing) as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
