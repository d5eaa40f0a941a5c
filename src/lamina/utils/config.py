"""`Config`, a dictionary of named values."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from lamina.errors import StateError, did_you_mean


class Config(MutableMapping[str, Any]):
    """Dictionary of named values, which are attributes too and can be frozen.

    Args:
        **kwargs: the first values.

    Example:
        >>> config = Config(learning_rate=0.1)
        >>> config.seed = 7
        >>> config["seed"], config.to_json()
        (7, '{"learning_rate": 0.1, "seed": 7}')
    """

    def __init__(self, **kwargs: object) -> None:
        vars(self).update(_values=kwargs, _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether values cannot be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse all further changes."""
        vars(self)["_frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        vars(self)["_frozen"] = False

    def as_dict(self) -> dict[str, Any]:
        """Return the values as a new dictionary."""
        return dict(self._values)

    def to_json(self) -> str:
        """Return the values as JSON."""
        return json.dumps(self._values)

    def _require_unfrozen(self) -> None:
        if self._frozen:
            raise StateError(
                "The config is frozen, so its values cannot be changed. Call "
                "`config.unfreeze()` first."
            )

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, item: object) -> None:
        self._require_unfrozen()
        self._values[key] = item

    def __delitem__(self, key: str) -> None:
        self._require_unfrozen()
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        values = vars(self).get("_values", {})
        if name not in values:
            raise AttributeError(
                f"The config has no value {name!r}.{did_you_mean(name, values)}"
            )
        return values[name]

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} is a method of Config: use another name.")
        self[name] = value

    def __repr__(self) -> str:
        return f"<Config {self._values}>"
