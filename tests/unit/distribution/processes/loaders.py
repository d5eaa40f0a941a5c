"""The program, with loaders of other packages that each process has its share of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from program import CASES, QUIET, Process, X, Y, main, model

from lamina.distribution import local_data

SIZE = 8  # rows of a batch of all processes


class Rows:
    """A source of rows."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]


def torch(process: Process) -> Any:
    from torch.utils.data import DataLoader, DistributedSampler

    sampler = DistributedSampler(Rows(), process.count, process.number, shuffle=False)
    return DataLoader(Rows(), SIZE // process.count, sampler=sampler)


def grain_map(process: Process) -> Any:
    import grain

    share = grain.MapDataset.source(Rows())[process.number :: process.count]
    return local_data(share.batch(SIZE // process.count))


def grain_iterator(process: Process) -> Any:
    return local_data(grain_map(process).data.to_iter_dataset())


def grain_loader(process: Process) -> Any:
    import grain

    sampler = grain.samplers.IndexSampler(
        len(X), grain.sharding.ShardByJaxProcess(), num_epochs=1
    )
    batches = [grain.transforms.Batch(SIZE // process.count)]
    loader = grain.DataLoader(data_source=Rows(), sampler=sampler, operations=batches)
    return local_data(loader)


def tensorflow(process: Process) -> Any:
    from tensorflow import data

    rows = data.Dataset.from_tensor_slices((X, Y))
    share = rows.shard(process.count, process.number)
    return local_data(share.batch(SIZE // process.count))


def trained(make: Callable[[Process], Any]) -> Callable[[Process], Any]:
    def run(process: Process) -> Any:
        """Training, validation and predictions on a loader."""
        loader, one = make(process), model()
        history = one.fit(loader, epochs=2, validation_data=make(process), **QUIET)
        return {
            **history.history,
            "weights": one.get_weights(),
            "own": one.predict(loader, verbose=0),
            "seen": np.concatenate(
                [np.asarray(x) for x, _ in getattr(loader, "data", loader)]
            ),
        }

    return run


for _made in (torch, grain_map, grain_iterator, grain_loader, tensorflow):
    CASES[_made.__name__] = trained(_made)

if __name__ == "__main__":
    main(*sys.argv[1:])
