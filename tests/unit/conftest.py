"""A web server on this machine that serves files a test has made."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lamina.datasets import fetch


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/cut-short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        else:
            super().do_GET()


class Web:
    """Local server: its folder, its address, and the requests so far."""

    def __init__(self, folder: Path, server: ThreadingHTTPServer) -> None:
        self.folder = folder
        self.cache = folder.parent / "cache" / "lamina"
        self.address = f"http://127.0.0.1:{server.server_port}/"
        self.requests = server.requests

    def put(self, name: str, content: bytes) -> str:
        """Serve a file; its sha256."""
        (self.folder / name).write_bytes(content)
        return hashlib.sha256(content).hexdigest()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server, with an empty cache folder. `no_proxy` keeps it off any proxy."""
    folder = tmp_path / "web"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    handler = partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Web(folder, server)
        server.shutdown()
        thread.join()


@pytest.fixture
def internet(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Whatever address a loader asks for, the server answers by the file's name."""

    open_address = fetch.urlopen

    def open_here(url: str):
        return open_address(web.address + url.rsplit("/", 1)[1])

    monkeypatch.setattr(fetch, "urlopen", open_here)
    return web
