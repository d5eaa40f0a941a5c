"""Run a worker process: `python -m benchmarks.serve CLAIM PEER [--quick]`."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from typing import TextIO

from benchmarks.claim import Peer, Round, load_claim
from benchmarks.memory import peak_bytes
from benchmarks.worker import PeerMissing


def serve(peer: Peer, quick: bool, answers: TextIO) -> None:
    """Set up at the first line of standard input, then run a round at each line."""

    def answer(**content: object) -> None:
        print(json.dumps(content), file=answers, flush=True)

    one_round: Round | None = None
    for _ in sys.stdin:
        try:
            if one_round is None:
                one_round = peer.set_up(quick)
                answer(quantities={})
            else:
                gc.collect()
                quantities = {**one_round(), "peak_memory": peak_bytes()}
                answer(quantities=quantities, processor_seconds=sum(os.times()[:4]))
        except (ModuleNotFoundError, PeerMissing) as error:
            answer(missing=str(error))
        except Exception:
            answer(failed=traceback.format_exc())


def main() -> None:
    claim, name, *options = sys.argv[1:]
    # Output of the libraries must not mix with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(load_claim(claim).peer(name), "--quick" in options, answers)


if __name__ == "__main__":
    main()
