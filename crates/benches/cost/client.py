"""A small HTTP client on sockets: it can also do what no good client does."""

import http.client
import json
import socket

TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 20


class Answer:
    """The status and the size of an answer; its body only when it was wanted."""

    def __init__(self, status, size, body=b""):
        self.status, self.size, self.body = status, size, body

    def json(self):
        return json.loads(self.body)


class Client:
    """A connection to one server; made again when it was closed."""

    def __init__(self, port, token=None, timeout=TIMEOUT_SECONDS):
        self.port, self.token, self.timeout = port, token, timeout
        self.connection = None

    def ask(self, method, path, body=None, headers=None, keep=False):
        """Sends a request, reads all of the answer, and keeps its body only if asked to."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        reused = self.connection is not None
        try:
            return self._ask(method, path, body, headers, keep)
        except (ConnectionError, http.client.HTTPException):
            self.close()
            if not reused:
                raise
            # The server may have closed a connection that was idle.
            return self._ask(method, path, body, headers, keep)

    def _ask(self, method, path, body, headers, keep):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            size, parts = 0, []
            while chunk := response.read(CHUNK_BYTES):
                size += len(chunk)
                if keep:
                    parts.append(chunk)
            return Answer(response.status, size, b"".join(parts))
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def connect(port, timeout=TIMEOUT_SECONDS, receive_bytes=None, segment_bytes=None):
    """Opens a bare connection; with a small receive buffer the server notices soon that nobody reads. The kernel buffers ten
    segments and more of what is sent, which are of 64 KiB on loopback unless `segment_bytes` says less."""
    connection = socket.socket()
    if segment_bytes:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment_bytes)
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(timeout)
    connection.connect(("127.0.0.1", port))
    return connection


def head(method, path, token=None, **headers):
    """The head of a request as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_status(connection):
    """Reads the beginning of an answer: its status, and how many bytes came with it."""
    received = b""
    while b"\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            return 0, len(received)
        received += chunk
    words = received.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), len(received)
