"""Scripts that write `tests/golden`, each run by the old release it is about.

An old release needs an old Python and a separate environment; `README.md` in
`tests/golden` has the commands. The files are kept, so tests need none of that.
"""
