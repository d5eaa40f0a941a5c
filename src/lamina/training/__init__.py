"""The training engine: plan, steps, the compiled loop, the loop around it."""
