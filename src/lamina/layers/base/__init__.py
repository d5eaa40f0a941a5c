"""`Layer` and its parts: weights, input specs and call specs."""
