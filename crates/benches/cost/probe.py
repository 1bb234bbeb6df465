"""What others notice meanwhile: measured by processes of their own, so that a busy client does not count as a slow server."""

import multiprocessing
import os
import time

from client import Client
from data import rule
from machine import Machine

#: What a probe that got no answer within this time counts as.
LATE_SECONDS = 10


def measured(ask):
    """Returns when it began, and how long it took in ms; the time of a probe that failed is never better than being late."""
    began = time.monotonic()
    try:
        is_good = ask()
    except OSError:
        is_good = False
    except Exception:  # A broken answer is a failure of the server as well, and the probe must go on.
        is_good = False
    took = time.monotonic() - began
    return began, (took if is_good else max(took, LATE_SECONDS)) * 1000


def probe_live(port, _token, _other):
    client = Client(port, timeout=LATE_SECONDS)
    return lambda: client.ask("GET", "/health/live").status == 200, 0.02


def probe_edit(port, token, _other):
    client = Client(port, token, timeout=LATE_SECONDS)
    count = iter(range(10**9))

    def edit():
        return client.ask("PUT", "/api/v1/rulesets/probe/rules/edit", rule(next(count))).status in (200, 201)
    return edit, 0.1


def probe_arrival(port, token, other):
    here, there = Client(port, timeout=LATE_SECONDS), Client(other, token, timeout=LATE_SECONDS)
    count = iter(range(10**9))

    def arrival():
        """From the answer of the other replica until this one answers with the revision: its own time is taken off."""
        answer = there.ask("PUT", "/api/v1/rulesets/probe/rules/arrival", rule(next(count)), keep=True)
        if answer.status not in (200, 201):
            return None
        revision, began = answer.json()["revision"], time.monotonic()
        while time.monotonic() - began < LATE_SECONDS:
            found = here.ask("POST", "/api/v1/rulesets/probe/execute", {"data": {"age": 20}}, keep=True)
            if found.json()["revision"] >= revision:
                return began, (time.monotonic() - began) * 1000
            time.sleep(0.002)
        return began, LATE_SECONDS * 1000.0
    return arrival, 0.1


PROBES = {"live": probe_live, "edit": probe_edit, "arrival": probe_arrival}


def run(name, port, token, other, deadline, times):
    ask, pause = PROBES[name](port, token, other)
    while time.monotonic() < deadline:
        if name == "arrival":
            began = time.monotonic()
            try:
                took = ask()
            except Exception:  # As above.
                took = began, LATE_SECONDS * 1000.0
            # An edit that the other replica refused says nothing about the arrival.
            if took is not None:
                times.put((name, *took))
        else:
            times.put((name, *measured(ask)))
        time.sleep(pause)


def give_way():
    """Leaves the processors to all others, as if this process were on another machine: what it takes of them would else be
    counted as the server's delay. Linux compares the priorities of processes within a session, and those of sessions by a
    value of their own, so this process gets a session with the lowest one."""
    os.nice(19)
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as group:
            group.write("19")
    except OSError:
        pass  # A kernel without such groups compares all processes.


def attack(kind, data, port, token, deadline, answers):
    """One client that does the same again and again, with the lowest priority."""
    give_way()
    client = Client(port, token, timeout=max(1.0, deadline - time.monotonic() + LATE_SECONDS))
    counts, told_at = {}, time.monotonic()
    while (now := time.monotonic()) < deadline:
        try:
            status = kind.run(client, data).status
        except Exception as error:  # A connection that the server ends is an answer like others.
            status = type(error).__name__
            time.sleep(0.01)
        counts[status] = counts.get(status, 0) + 1
        if now - told_at > 0.5:
            answers.put(counts)
            counts, told_at = {}, now
    answers.put(counts)


def drain(queue, take):
    while not queue.empty():
        take(queue.get())


def under_load(kind, data, fleet, seconds, clients, token, say):
    """Runs a kind in a loop from `clients` clients with this token and as many without one. Returns the times of each probe in ms,
    the answers by status, and the largest RSS in KiB. A probe that went on while the machine did not run is left out."""
    server, machine = fleet.attacked, Machine(say)
    context = multiprocessing.get_context("fork")
    times, answers = context.Queue(), context.Queue()
    # The loop first, for a second, so that the probes meet a server that is under load.
    begin = time.monotonic() + (1 if kind else 0)
    deadline = begin + seconds
    attackers = []
    for its_token in ([None, token] * clients) if kind else []:
        attackers.append(context.Process(target=attack, args=(kind, data, server.port, its_token, deadline, answers)))
    probes = [context.Process(target=run, args=(name, server.port, server.token, fleet.other.port, deadline, times))
              for name in PROBES]
    rss, started = server.rss_kib(), False
    for process in attackers:
        process.start()
    taken, by_status = [], {}

    def count(counts):
        for status, number in counts.items():
            by_status[status] = by_status.get(status, 0) + number

    limit = deadline + LATE_SECONDS + 5
    while True:
        now = time.monotonic()
        if not started and now >= begin:
            started = True
            for process in probes:
                process.start()
        if server.is_running:
            rss = max(rss, server.rss_kib())
        drain(times, taken.append)
        drain(answers, count)
        machine.take()
        alive = any(process.is_alive() for process in attackers + (probes if started else []))
        if now > limit or (now > deadline and not alive):
            break
        time.sleep(0.02)
    for process in attackers + probes:
        if process.is_alive():
            process.kill()
        process.join(5)
    drain(times, taken.append)
    drain(answers, count)
    machine.stop()
    counting = [one for one in taken if not machine.withheld(one[1], one[1] + one[2] / 1000)]
    if len(counting) < len(taken):
        say(f"the machine withheld {machine.seconds():.2f} s of its processors: {len(taken) - len(counting)} of "
            f"{len(taken)} probes left out")
    by_probe = {name: sorted(took for probe, _, took in counting if probe == name) for name in PROBES}
    return by_probe, by_status, rss


def percentile(times, share):
    """The smallest time that at least that share of all is not above; late when there is none."""
    if not times:
        return LATE_SECONDS * 1000.0
    return times[min(len(times) - 1, max(0, -(-len(times) * share // 100) - 1))]
