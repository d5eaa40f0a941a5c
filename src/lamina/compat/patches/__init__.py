"""Changes of lamina's classes that last while old programs run.

Classes stay the same objects, so that `isinstance` and subclassing work.
"""
