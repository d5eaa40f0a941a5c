"""Tables and diagrams of models, and plots of training."""
