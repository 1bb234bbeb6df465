#!/usr/bin/env python3
"""Holds 10,000 idle WebSocket clients and 200 that do not read on one server while edits flow, and measures its memory, the
time until the last reading client has the event of an edit, and what becomes of the clients that do not read.

The server and the clients share this machine, so the times include what one process needs to read the event 10,000 times.
"""

import argparse
import base64
import collections
import os
import re
import resource
import select
import shutil
import sys
import tempfile
import threading
import time

from client import Client, connect, head
from data import expect, rule
from fleet import Server
from probe import percentile

PATH = "/ws/hot-reload"
#: A client of these has a small receive buffer, so that the server notices soon that it does not read.
SLOW_RECEIVE_BYTES = 4096
#: Segments as of an Ethernet.
SLOW_SEGMENT_BYTES = 1448
#: How many clients a token has: the half of `websocket_clients_per_caller_max`.
CLIENTS_PER_TOKEN = 2_500
EVENT_SECONDS_MAX = 60
REVISION = re.compile(rb'"revision":(\d+)')
CLOSE, TEXT = 8, 1


def upgrade(token):
    return head("GET", PATH, token, Connection="upgrade", Upgrade="websocket", Sec_WebSocket_Version="13",
                Sec_WebSocket_Key=base64.b64encode(os.urandom(16)).decode())


class Frames:
    """Splits what a server sends into the frames of a WebSocket; those of a server are not masked."""

    def __init__(self, received=b""):
        self.rest = received

    def add(self, received):
        rest = self.rest + received
        frames = []
        while len(rest) >= 2:
            length, begin = rest[1] & 0x7F, 2
            if length >= 126:
                begin = 4 if length == 126 else 10
                length = int.from_bytes(rest[2:begin], "big")
            if len(rest) < begin + length or len(rest) < begin:
                break
            frames.append((rest[0] & 0x0F, rest[begin:begin + length]))
            rest = rest[begin + length:]
        self.rest = rest
        return frames


class Readers:
    """The clients that read, in one loop."""

    def __init__(self, port):
        self.port, self.poll, self.clients = port, select.epoll(), {}
        #: How many clients have the event of a revision, and when the last of them read it.
        self.seen = collections.defaultdict(lambda: (0, 0.0))

    def open(self, token):
        """Connects a client, and waits for the status that it is sent first."""
        connection = connect(self.port)
        connection.sendall(upgrade(token))
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._received(connection)
        answer, rest = received.split(b"\r\n\r\n", 1)
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"a client was refused: {received[:500]!r}")
        frames = Frames()
        is_greeted = bool(frames.add(rest))
        while not is_greeted:
            is_greeted = bool(frames.add(self._received(connection)))
        connection.setblocking(False)
        self.clients[connection.fileno()] = (connection, frames)
        self.poll.register(connection, select.EPOLLIN)

    @staticmethod
    def _received(connection):
        chunk = connection.recv(65536)
        if not chunk:
            raise RuntimeError("the server closed the connection of a client")
        return chunk

    def read(self, seconds):
        """Reads what comes within a moment."""
        for number, _ in self.poll.poll(seconds):
            connection, frames = self.clients[number]
            chunk = self._received(connection)
            for kind, payload in frames.add(chunk):
                if kind == CLOSE:
                    raise RuntimeError(f"the server closed a client that reads: {payload!r}")
                if kind == TEXT and b'"rules_reloaded"' in payload:
                    revision = int(REVISION.search(payload).group(1))
                    self.seen[revision] = self.seen[revision][0] + 1, time.monotonic()


class Edit(threading.Thread):
    """One edit, which is made while the readers read."""

    def __init__(self, client, documents, number):
        super().__init__()
        self.client, self.revision, self.answered, self.failure = client, None, None, None
        changes = [{"op": "put", "kind": "rules", "name": f"probe/R{n}", "body": rule(number)} for n in range(documents)]
        self.body = {"changes": changes}
        self.began = time.monotonic()
        self.start()

    def run(self):
        try:
            answer = expect(self.client.ask("POST", "/api/v1/apply", self.body, keep=True))
            self.revision, self.answered = answer.json()["revision"], time.monotonic()
        except Exception as failure:  # Raised where the edit is waited for.
            self.failure = failure


def seen_by_all(readers, client, documents, number):
    """Makes an edit; returns how long its answer took, and after how long the last client had its event, in ms."""
    edit = Edit(client, documents, number)
    while edit.is_alive() or readers.seen[edit.revision][0] < len(readers.clients):
        readers.read(0.05)
        if edit.failure:
            raise edit.failure
        if time.monotonic() - edit.began > EVENT_SECONDS_MAX:
            raise RuntimeError(f"{readers.seen[edit.revision][0]} clients have the event after {EVENT_SECONDS_MAX} s")
    last = readers.seen.pop(edit.revision)[1]
    return (edit.answered - edit.began) * 1000, (last - edit.began) * 1000


def row(what, times, server):
    answers, arrivals = zip(*times)
    print(f"| {what} | {len(times)} | {percentile(sorted(answers), 50):.0f} / {max(answers):.0f} | "
          f"{percentile(sorted(arrivals), 50):.0f} / {max(arrivals):.0f} | {server.rss_kib() / 1024:.0f} |", flush=True)


def connected(client):
    """How many WebSocket clients the server has."""
    text = expect(client.ask("GET", "/metrics", keep=True)).body.decode()
    return int(float(re.search(r"^midflight_websocket_clients(?:\{[^}]*\})? (\S+)$", text, re.M).group(1)))


def last_words(slow):
    """What a client that did not read finds when it reads at last: the code of its close frame, or how it ended."""
    frames = Frames()
    slow.settimeout(5)
    received, found = b"", "no close frame"
    try:
        while chunk := slow.recv(65536):
            received += chunk
    except TimeoutError:
        found = "still connected"
    except OSError as error:
        found = type(error).__name__
    _, _, rest = received.partition(b"\r\n\r\n")
    for kind, payload in frames.add(rest):
        if kind == CLOSE:
            return f"closed with {int.from_bytes(payload[:2], 'big')}"
    return found


def measure(arguments, folder, say):
    count = arguments.clients + arguments.slow
    flags = ["--websocket-clients-max", str(count)] + arguments.flag
    server = Server(arguments.program, folder, "one", "sqlite:" + os.path.join(folder, "log.db"), flags)
    readers = Readers(server.port)
    try:
        admin = Client(server.port, server.token, timeout=EVENT_SECONDS_MAX)
        expect(admin.ask("PUT", "/api/v1/rulesets/probe", {"default": True}))

        def token(name):
            made = admin.ask("POST", "/api/v1/tokens", {"name": name, "role": "viewer"}, keep=True)
            return expect(made).json()["token"]

        expect(admin.ask("POST", "/api/v1/rules/execute", {"data": {"age": 20}}))
        server.settle(10)
        idle_kib = server.rss_kib()
        say(f"{arguments.clients} clients connect")
        for number in range(arguments.clients):
            if number % CLIENTS_PER_TOKEN == 0:
                of_part = token(f"readers-{number}")
            readers.open(of_part)
        server.settle(10)
        held_kib = server.rss_kib()
        print(f"Without clients {idle_kib / 1024:.0f} MiB; with {arguments.clients} idle clients {held_kib / 1024:.0f} MiB: "
              f"{(held_kib - idle_kib) / max(arguments.clients, 1):.1f} KiB for each.\n")
        print("| while | edits | answer p50 / max ms | last client p50 / max ms | RSS MiB |\n|---|---|---|---|---|")
        numbers = iter(range(10**9))

        def edits(how_many, documents):
            return [seen_by_all(readers, admin, documents, next(numbers)) for _ in range(how_many)]

        row("all read", edits(arguments.edits, 1), server)
        say(f"{arguments.slow} clients connect that do not read")
        of_slow, slow = token("slow"), []
        for _ in range(arguments.slow):
            connection = connect(server.port, receive_bytes=SLOW_RECEIVE_BYTES, segment_bytes=SLOW_SEGMENT_BYTES)
            connection.sendall(upgrade(of_slow))
            slow.append(connection)
        while connected(admin) < count:
            readers.read(0.05)
        row(f"{arguments.slow} do not read", edits(arguments.edits, 1), server)
        say("edits flow until those that do not read are gone")
        began, most_kib, times = time.monotonic(), 0, []
        while connected(admin) > arguments.clients and time.monotonic() - began < arguments.seconds:
            times += edits(1, arguments.documents)
            most_kib = max(most_kib, server.rss_kib())
        row(f"edits of {arguments.documents} documents flow", times, server)
        gone = count - connected(admin)
        print(f"\n{gone} of {arguments.slow} clients that do not read were disconnected within "
              f"{time.monotonic() - began:.0f} s; {most_kib / 1024:.0f} MiB at most meanwhile.")
        ends = collections.Counter(last_words(connection) for connection in slow)
        print("What they find when they read at last: " + ", ".join(f"{end}: {n}" for end, n in ends.items()) + ".")
        # Readers are read meanwhile, so that none of them falls behind.
        readers.read(0)
        row("all read again", edits(arguments.edits, 1), server)
        left = connected(admin)
        print(f"\n{left} of {arguments.clients} clients that read are connected.")
        return 0 if left == arguments.clients and gone == arguments.slow else 1
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/midflight", help="the server's program")
    parser.add_argument("--clients", type=int, default=10_000, help="how many clients read (10,000)")
    parser.add_argument("--slow", type=int, default=200, help="how many do not (200)")
    parser.add_argument("--edits", type=int, default=20, help="how many edits are measured of each sort (20)")
    parser.add_argument("--documents", type=int, default=20, help="how many documents an edit of the flow has (20)")
    parser.add_argument("--seconds", type=float, default=300, help="how long edits flow at most (300)")
    parser.add_argument("--flag", action="append", default=[], help="a flag of the server, as --flag=--name=value")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = arguments.clients + arguments.slow + 200
    if most < needed:
        parser.error(f"a process may open {most} files here, and {needed} are needed; see ulimit -n")
    # The server that is started has it too.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    began = time.monotonic()

    def say(what):
        print(f"[{time.monotonic() - began:6.1f} s] {what}", file=sys.stderr, flush=True)

    folder = tempfile.mkdtemp(prefix="midflight-sockets-")
    try:
        return measure(arguments, folder, say)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
