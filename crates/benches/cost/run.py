#!/usr/bin/env python3
"""Runs the most expensive requests against two replicas, and measures what they cost and what others notice of it.

It starts two release servers on one PostgreSQL, fills them (300 documents of 1 MB, 10,000 rules, 600 regular expressions,
10,000 reload events), and runs each kind of request (`--list`): once alone, and then in a loop from 8 clients without and
8 with a token. Meanwhile it probes `/health/live`, an edit, and the arrival of a revision of the other replica. It prints
a table in Markdown and what is out of bounds; then its exit status is 1.

The servers, PostgreSQL and the clients share this machine; the clients give way to the others. What went on while the host of
a virtual machine halted its processors is left out, and said. The files are in TMPDIR: with
a directory in memory the figures leave the disk out.
"""

import argparse
import signal
import sys
import threading
import time

from client import Client
from data import expect, load
from fleet import Fleet
from kinds import KINDS
from probe import percentile, under_load
from scheduling import without_autogroups

ROLES = ("viewer", "executor", "editor", "operator", "admin")
P99_MS_MAX = 100
RSS_MIB_MAX = 512
SETTLE_SECONDS_MAX = 30
#: A server that is so much larger than an idle one is started again before the next kind.
RESTART_MIB = 64


class Alone:
    """What one request costs: CPU until the server is at rest again, and the most memory meanwhile."""

    def __init__(self, kind, data, server, token):
        self.status, self.size, self.rss_kib = "", 0, 0
        before, cpu = server.rss_kib(), server.cpu_ms()
        done = threading.Event()

        def sample():
            while not done.is_set() and server.is_running:
                try:
                    self.rss_kib = max(self.rss_kib, server.rss_kib() - before)
                except (OSError, ValueError):
                    return
                time.sleep(0.005)

        sampler = threading.Thread(target=sample)
        sampler.start()
        began = time.monotonic()
        try:
            answer = kind.run(Client(server.port, token), data)
            self.status, self.size = str(answer.status), answer.size
        except Exception as error:  # A connection that the server ends is an answer like others.
            self.status = type(error).__name__
        self.ms = (time.monotonic() - began) * 1000
        self.settled = server.settle(SETTLE_SECONDS_MAX)
        done.set()
        sampler.join()
        self.cpu_ms = server.cpu_ms() - cpu if server.is_running else float("nan")


def row(name, bound, alone, load_figures, idle_kib):
    """One line of the table, and what of it is out of bounds."""
    by_probe, by_status, rss = load_figures
    cells, violations = [f"`{name}`", bound], []
    if alone is None:
        cells += [""] * 5
    else:
        cells += [alone.status, f"{alone.ms:.0f}", f"{alone.cpu_ms:.0f}", f"{alone.rss_kib / 1024:.0f}", size(alone.size)]
        if not alone.settled:
            violations.append(f"{name}: alone, still busy after {SETTLE_SECONDS_MAX} s")
    for probe, times in by_probe.items():
        p50, p99 = percentile(times, 50), percentile(times, 99)
        is_late = p99 > P99_MS_MAX
        cells.append(f"{p50:.1f} / {'**' if is_late else ''}{p99:.1f}{'**' if is_late else ''} ({len(times)})")
        if is_late:
            violations.append(f"{name}: {probe} p99 {p99:.0f} ms")
    over = (rss - idle_kib) / 1024
    cells.append(f"{'**' if over > RSS_MIB_MAX else ''}{over:.0f}{'**' if over > RSS_MIB_MAX else ''}")
    if over > RSS_MIB_MAX:
        violations.append(f"{name}: RSS {over:.0f} MiB above idle")
    statuses = sorted(by_status.items(), key=lambda item: -item[1])
    cells.append(", ".join(f"{status}: {count}" for status, count in statuses[:4]))
    return "| " + " | ".join(cells) + " |", violations


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} B"


HEADER = """| kind | bound | alone: status | ms | CPU ms | RSS + MiB | answer | live p50 / p99 ms (n) | edit | arrival | load: RSS + MiB | load: answers |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def token_of(server, role):
    """Returns a token of that role for the clients: the probes are another caller, which has rates of its own."""
    body = {"name": "cost", "role": role}
    return expect(Client(server.port, server.token).ask("POST", "/api/v1/tokens", body, keep=True)).json()["token"]


def measure(fleet, kinds, arguments, say):
    data = load(fleet, arguments.scale, say)
    server, violations = fleet.attacked, []
    token = token_of(server, arguments.role)
    # Restarted, so that what loading left behind is not taken for the size of an idle server.
    server.restart()
    server.settle(SETTLE_SECONDS_MAX)
    idle_kib = server.rss_kib()
    print(f"Idle: {idle_kib / 1024:.0f} MiB. Under load: {arguments.seconds} s, {arguments.clients} clients without and "
          f"{arguments.clients} with a token of the role {arguments.role}.\n\n{HEADER}", flush=True)
    nothing = under_load(None, data, fleet, arguments.seconds, 0, token, say)
    print(row("nothing", "", None, nothing, idle_kib)[0], flush=True)
    for kind in kinds:
        # What a kind writes belongs to the size of an idle server from then on.
        idle_kib = server.rss_kib()
        say(f"{kind.name} (idle: {idle_kib / 1024:.0f} MiB)")
        alone = Alone(kind, data, server, token) if kind.once else None
        if not server.is_running:
            violations.append(f"{kind.name}: one alone ended the server")
            print(f"| `{kind.name}` | {kind.bound} | the server ended |" + " |" * 9, flush=True)
            server.start()
            continue
        if alone and not alone.settled:
            server.restart()
        figures = under_load(kind, data, fleet, arguments.seconds, arguments.clients, token, say)
        line, wrong = row(kind.name, kind.bound, alone, figures, idle_kib)
        print(line, flush=True)
        violations += wrong
        if not server.is_running:
            violations.append(f"{kind.name}: under load the server ended")
        elif not server.settle(SETTLE_SECONDS_MAX):
            violations.append(f"{kind.name}: still busy {SETTLE_SECONDS_MAX} s after the load ended")
            server.restart()
        # Each kind meets a server of about the size that it has after a start, so that no kind hides in what another left.
        if not server.is_running or server.rss_kib() - idle_kib > RESTART_MIB << 10:
            server.restart()
            server.settle(SETTLE_SECONDS_MAX)
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/midflight", help="the server's program")
    parser.add_argument("--seconds", type=float, default=4, help="how long each kind is run in a loop (4)")
    parser.add_argument("--clients", type=int, default=8, help="how many clients of each sort (8)")
    parser.add_argument("--role", default="admin", choices=ROLES, help="the role of the clients with a token (admin)")
    parser.add_argument("--only", action="append", metavar="KIND", help="only this kind; may be repeated")
    parser.add_argument("--scale", type=float, default=1, help="how much of the data to load, 0 to 1 (1)")
    parser.add_argument("--sqlite", action="store_true", help="one server on SQLite instead of two on PostgreSQL")
    parser.add_argument("--list", action="store_true", help="list the kinds and end")
    arguments = parser.parse_args()
    if arguments.list:
        for kind in KINDS:
            print(f"{kind.name:32} {kind.bound}")
        return 0
    unknown = set(arguments.only or []) - {kind.name for kind in KINDS}
    if unknown:
        parser.error(f"unknown kind {', '.join(sorted(unknown))}; see --list")
    kinds = [kind for kind in KINDS if not arguments.only or kind.name in arguments.only]
    began = time.monotonic()

    def say(what):
        print(f"[{time.monotonic() - began:6.1f} s] {what}", file=sys.stderr, flush=True)

    # So that a measurement that is stopped leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with without_autogroups(say):
        fleet = Fleet(arguments.program, arguments.sqlite)
        try:
            violations = measure(fleet, kinds, arguments, say)
        finally:
            fleet.stop()
    print(f"\n{len(kinds)} kinds, {len(violations)} violations (p99 above {P99_MS_MAX} ms, more than {RSS_MIB_MAX} MiB above "
          f"idle, a server that ended or did not come to rest)")
    for violation in violations:
        print(f"- {violation}")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
