"""Versions of `tensorflow.version`."""

from __future__ import annotations

from lamina.compat.names import VERSIONS

VERSION = VERSIONS["tensorflow"]
GIT_VERSION = COMPILER_VERSION = "unknown"
