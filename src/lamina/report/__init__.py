"""The training report: one HTML page about one run or several."""
