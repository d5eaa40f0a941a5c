"""The cost that building objects from an untrusted config may have."""

from __future__ import annotations

from typing import Any

from lamina.errors import FileFormatError

# Building a model calls each layer three times, and twice more for each model around
# it. Only objects in the config allow further calls, so that the time to build grows
# in proportion to the config's length.
_BASE_CALLS = 500
_CALLS_PER_LAYER = 20
_CALLS_PER_USER_LAYER = 5_000  # its `call` may contain loops and further layers
_MAX_CALLS = 50_000
# Converting this many arguments takes about as long as one call.
_VALUES_PER_CALL = 16


def readable_size(size: int) -> str:
    """Format a number of bytes for people: `"1.5 GiB"`."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:,.1f} {unit}"
    return f"{size} bytes"


class Budget:
    """Remaining memory and calls for building objects from a config.

    Args:
        size: bytes of all variables together.
        reason: where `size` comes from, for the message.
    """

    def __init__(self, size: int, reason: str) -> None:
        self.size, self.reason = size, reason
        self.calls, self.allowed_calls = 0, _BASE_CALLS
        # Objects that the config has several times, by their `shared_object_id`.
        self.shared: dict[int, Any] = {}

    def take(self, name: str, size: int) -> None:
        """Count a variable."""
        self.size -= size
        if self.size < 0:
            raise FileFormatError(
                f"The config asks for too large a model: with variable {name!r} of "
                f"{readable_size(size)} it takes more than {self.reason}."
            )

    def allow_layer(self, is_user_defined: bool) -> None:
        """Allow the calls that building a layer needs."""
        self._allow(_CALLS_PER_USER_LAYER if is_user_defined else _CALLS_PER_LAYER)

    def allow_calls(self, recorded: int, values: int) -> None:
        """Allow the calls that a graph's recorded calls, with so many values, need."""
        self._allow((recorded + values // _VALUES_PER_CALL) * _CALLS_PER_LAYER)

    def _allow(self, calls: int) -> None:
        self.allowed_calls = min(self.allowed_calls + calls, _MAX_CALLS)

    def take_calls(self, calls: int, values: int = 0) -> None:
        """Count calls of layers and functions, and the values they take and return."""
        self.calls += calls + values // _VALUES_PER_CALL
        if self.calls > self.allowed_calls:
            raise FileFormatError(
                "The config describes a model that calls its layers far more often "
                f"than it has layers: more than {self.allowed_calls:,} calls while it "
                "is built. Does it contain models that call each other repeatedly? "
                "If not, build the model in your program and call "
                "`model.load_weights(file)`."
            )
