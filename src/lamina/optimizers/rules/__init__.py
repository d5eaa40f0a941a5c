"""Update rules of optimizers, one file each."""
