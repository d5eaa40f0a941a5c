"""Display of progress in terminals, notebooks and files."""
