"""`RemoteMonitor`, with a server of this process."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import numpy as np
import pytest

from lamina.callbacks import RemoteMonitor


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802 the name that the standard library calls
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def root(server):
    return f"http://127.0.0.1:{server.server_port}"


LOGS = {"loss": np.float32(0.5), "values": np.array([1, 2])}
SENT = {"epoch": 3, "loss": 0.5, "values": [1, 2]}


def test_form_has_the_logs_in_a_field(server):
    RemoteMonitor(root(server), field="logs").on_epoch_end(3, LOGS)
    [(path, headers, body)] = server.received
    assert path == "/publish/epoch/end/"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body)["logs"][0]) == SENT


def test_json_is_sent_with_the_headers(server):
    monitor = RemoteMonitor(
        root(server), "/logs?run=1", headers={"X-Run": "7"}, send_as_json=True
    )
    monitor.on_epoch_end(3, LOGS)
    [(path, headers, body)] = server.received
    assert path == "/logs?run=1" and headers["X-Run"] == "7"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == SENT


def test_errors_of_the_server_are_warnings(server):
    with pytest.warns(UserWarning, match="404 Not Found"):
        RemoteMonitor(root(server), "/missing").on_epoch_end(0)


def test_server_that_cannot_be_reached_is_a_warning():
    with pytest.warns(UserWarning, match="could not send epoch 1"):
        RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {"loss": 1.0})
