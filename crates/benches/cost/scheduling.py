"""Priorities that count: Linux can schedule each session as a group, and compares priorities within a group only."""

import contextlib

SETTING = "/proc/sys/kernel/sched_autogroup_enabled"


@contextlib.contextmanager
def without_autogroups(say):
    """Turns the grouping of sessions off, and on again at the end.

    Each process of PostgreSQL and each client is a session of its own. With groups, a process of PostgreSQL that needed 1 ms was
    seen to wait for a processor for up to 384 ms while clients of the lowest priority ran (Linux 6.18, two processors), so an
    edit was measured to take that long. Where the setting may not be written the figures include such delays."""
    try:
        with open(SETTING, encoding="ascii") as setting:
            before = setting.read().strip()
    except OSError:
        before = "0"  # This kernel has no such groups.
    if before == "0":
        yield
        return
    try:
        write("0")
    except OSError as error:
        say(f"{SETTING} stays on ({error.strerror}): figures include delays by the scheduler of several 100 ms")
        yield
        return
    try:
        yield
    finally:
        write(before)


def write(value):
    with open(SETTING, "w", encoding="ascii") as setting:
        setting.write(value)
