"""Progress of training in terminals, notebooks and files."""
