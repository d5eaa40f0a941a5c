"""`Layer`, and what every layer shares: weights, input specs, calls."""
