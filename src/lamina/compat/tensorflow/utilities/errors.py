"""Errors of `tensorflow.errors`, as those that lamina and Python raise."""

from __future__ import annotations

from lamina.errors import LaminaError

OpError = LaminaError
InvalidArgumentError = (LaminaError, ValueError, TypeError)
NotFoundError = (LaminaError, FileNotFoundError)
OutOfRangeError = StopIteration
ResourceExhaustedError = MemoryError
FailedPreconditionError = UnimplementedError = InternalError = LaminaError
AbortedError = CancelledError = DataLossError = DeadlineExceededError = LaminaError
UnavailableError = UnknownError = AlreadyExistsError = PermissionDeniedError = (
    LaminaError
)
