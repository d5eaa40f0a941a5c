"""The report as HTML, made from the data of runs."""
