"""`RemoteMonitor`: send the logs of each epoch to a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlencode, urlsplit

import numpy as np

from lamina.core.check import Check, boolean
from lamina.core.process import is_first_process
from lamina.tracebacks import warn
from lamina.training.callbacks.base import Callback
from lamina.typing import Logs

_TIMEOUT = 10.0  # seconds: a server that hangs must not stop training

_text = Check("a string", lambda v: isinstance(v, str), (3, None))


class RemoteMonitor(Callback):
    """Callback that sends the logs of each epoch to a server by HTTP POST.

    A server that cannot be reached, or that answers with an error, causes a warning;
    training continues.

    Args:
        root: address of the server, with `http://` or `https://`.
        path: path below `root`.
        field: name of the form's field that holds the JSON text; not used with
            `send_as_json`.
        headers: further HTTP headers.
        send_as_json: whether to send the JSON text as the body, of the type
            `application/json`, instead of in a form.

    Example:
        >>> RemoteMonitor("http://localhost:8000", send_as_json=True).path
        '/publish/epoch/end/'
    """

    epochs_may_wait = True
    arguments = {
        "root": Check(
            "an address that starts with http:// or https://",
            lambda v: isinstance(v, str) and v.startswith(("http://", "https://")),
            ("localhost:9000", "file:///etc/passwd", None),
        ),
        "path": _text,
        "field": _text,
        "send_as_json": boolean,
    }

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send the epoch and its logs."""
        if not is_first_process():
            return
        values = {
            name: np.asarray(value).tolist() for name, value in (logs or {}).items()
        }
        text = json.dumps({"epoch": epoch, **values})
        kind, body = "application/json", text
        if not self.send_as_json:
            kind = "application/x-www-form-urlencoded"
            body = urlencode({self.field: text})
        try:
            self._post(body, {"Content-Type": kind, **(self.headers or {})})
        except (OSError, HTTPException) as error:
            warn(
                f"RemoteMonitor could not send epoch {epoch + 1} to {self.root}: "
                f"{error}. Start a server there, or pass its address as `root`."
            )

    def _post(self, body: str, headers: Mapping[str, str]) -> None:
        url = urlsplit(self.root + self.path)
        connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = connect(url.hostname or "", url.port, timeout=_TIMEOUT)
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        try:
            connection.request("POST", target, body.encode(), dict(headers))
            response = connection.getresponse()
            if response.status >= 400:
                raise HTTPException(f"{response.status} {response.reason}")
        finally:
            connection.close()
