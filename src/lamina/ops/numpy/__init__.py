"""Operations of the NumPy interface."""
