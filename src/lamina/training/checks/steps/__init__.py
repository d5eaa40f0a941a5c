"""Steps that are run again to explain them, or run for a measurement and undone."""
