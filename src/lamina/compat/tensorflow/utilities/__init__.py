"""Small modules of `tensorflow`, each under its name."""
