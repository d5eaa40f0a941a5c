"""Every fault of a server, an address or a connection is one sentence of lamina's."""

from __future__ import annotations

import random
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request

import pytest

from lamina.datasets import fetch
from lamina.errors import DownloadError, LaminaError


class Server(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes, and closes the connection."""

    daemon_threads = True
    reply = b""
    waits = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/a"


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        assert isinstance(self.server, Server)
        self.wfile.write(self.server.reply)
        if self.server.waits:
            self.rfile.read(1)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "_TIMEOUT_SECONDS", 0.3)
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode()


def answer(*headers: str, body: bytes = b"content") -> bytes:
    lines = ["HTTP/1.1 200 OK", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


CHUNKED = "Transfer-Encoding: chunked"
REPLIES = {
    "redirect to ftp": (redirect("ftp://127.0.0.1/a"), "redirects from http to ftp:"),
    "redirect to file": (redirect("file:///etc/hostname"), "not allowed|redirects"),
    "redirect to data": (redirect("data:,a"), "not allowed|redirects"),
    "redirect to itself": (redirect("/a"), "infinite loop"),
    "redirect to brackets": (redirect("http://[a/b"), "Invalid IPv6|brackets"),
    "redirect to dots": (redirect("http://a..b/c"), "label"),
    "redirect to port": (redirect("http://127.0.0.1:99999/a"), "refused|65535"),
    "redirect to no port": (redirect("http://127.0.0.1:b/a"), "nonnumeric port"),
    "redirect to nobody": (redirect("http:///a"), "no host|infinite loop"),
    "redirect without address": (b"HTTP/1.1 302 Found\r\n\r\n", "302"),
    "nothing": (b"", "closed connection|reset"),
    "no http": (b"SSH-2.0-OpenSSH\r\n", "SSH"),
    "no number": (b"HTTP/1.1 abc OK\r\n\r\n", "abc"),
    "error": (b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n", "500"),
    "long header": (answer("A: " + "b" * 70_000), "header line"),
    "many headers": (answer(*(f"A{i}: b" for i in range(200))), "100 headers"),
    "length in words": (answer("Content-Length: many"), "many"),
    "negative length": (answer("Content-Length: -5"), "-5"),
    "too short": (
        answer("Content-Length: 1000"),
        "after 7 of 1,000 bytes|7 bytes read",
    ),
    "giant length": (answer(f"Content-Length: {10**30}"), "."),
    "bad chunk": (answer(CHUNKED, body=b"zz\r\ncontent"), "IncompleteRead|zz"),
    "broken chunk": (answer(CHUNKED, body=b"ff\r\ncontent"), "IncompleteRead"),
}


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("fault", REPLIES)
def test_a_fault_of_the_server_is_a_download_error(server, tmp_path, fault):
    server.reply, reason = REPLIES[fault]
    with pytest.raises(DownloadError, match=reason):
        fetch.get_file(origin=server.address)
    assert files_in(tmp_path) == []


def test_unresponsive_server_times_out(server, tmp_path):
    server.waits = True
    for reply in (b"", answer("Content-Length: 1000")):
        server.reply = reply
        with pytest.raises(DownloadError, match="timed out"):
            fetch.get_file(origin=server.address)
    assert files_in(tmp_path) == []


ADDRESSES = [
    "http:///a",
    "http://ex ample/a",
    "http://127.0.0.1:99999/a",
    "http://127.0.0.1:b/a",
    "http://a..b/c",
    f"http://{'a' * 70}.b/c",
    "http://127.0.0.1/a b",
    "http://127.0.0.1/\u00e4",
    "http://127.0.0.1:1/a",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_fault_of_the_address_is_a_download_error(server, tmp_path, address):
    with pytest.raises(DownloadError, match="Could not download"):
        fetch.get_file(origin=address)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("before", "after", "is_followed"),
    [
        ("http", "http", True),
        ("http", "https", True),
        ("https", "https", True),
        ("https", "http", False),
        ("https", "ftp", False),
    ],
)
def test_a_redirect_never_leaves_https(before, after, is_followed):
    arguments = (Request(f"{before}://a/b"), None, 302, "Found", {}, f"{after}://c/d")
    redirects = fetch._Redirects()
    if is_followed:
        assert redirects.redirect_request(*arguments).full_url == f"{after}://c/d"
    else:
        with pytest.raises(ValueError, match=f"redirects from https to {after}:"):
            redirects.redirect_request(*arguments)


def test_random_damage_to_replies_gives_file_or_error(server, tmp_path):
    generator = random.Random(0)
    good = [redirect("http://127.0.0.1:1/b"), answer("Content-Length: 7"),
            answer(CHUNKED, body=b"7\r\ncontent\r\n0\r\n\r\n")]  # fmt: skip
    for _ in range(150):
        reply = bytearray(generator.choice(good))
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(reply))
            reply[place : place + generator.randint(0, 2)] = generator.randbytes(1)
        server.reply = bytes(reply)
        try:
            path = Path(fetch.get_file(origin=server.address, force_download=True))
        except LaminaError as error:
            assert "\n" not in str(error)
        else:
            path.unlink()
        assert files_in(tmp_path) == [], bytes(reply)
