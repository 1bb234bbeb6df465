"""What the machine itself withholds: a virtual machine whose processors its host halts stops every process on it.

Where a host bounds the processors of a virtual machine, it halts them for tens of ms once they are used up, which the load of
this script makes happen. A process with real-time priority goes before every server and client, so while it does not run
either, none of them could."""

import multiprocessing
import os
import time

#: A gap that is shorter says nothing: the kernel itself may take so long.
GAP_SECONDS_MIN = 0.01
STEP_SECONDS = 0.001
PRIORITY = 50


class Machine:
    """Watches each processor until it is stopped, and knows when one of them did not run."""

    def __init__(self, say):
        self.watchers, self.gaps = [], []
        context = multiprocessing.get_context("fork")
        self.found, self.stopped = context.SimpleQueue(), context.Event()
        for processor in sorted(os.sched_getaffinity(0)):
            watcher = context.Process(target=watch, args=(processor, self.found, self.stopped), daemon=True)
            watcher.start()
            self.watchers.append(watcher)
            if self.found.get() is False:
                say("no right to real-time priority: figures include what the machine itself withholds")
                break

    def take(self):
        """Takes what was found until now. Called often, so that no watcher waits."""
        while not self.found.empty():
            self.gaps.append(self.found.get())

    def stop(self):
        self.stopped.set()
        for watcher in self.watchers:
            watcher.join(5)
        self.take()

    def withheld(self, began, ended):
        """Returns whether a processor did not run at some time between."""
        return any(began < end and begin < ended for begin, end in self.gaps)

    def seconds(self):
        return sum(end - begin for begin, end in self.gaps)


def watch(processor, found, stopped):
    """Notes each time that this processor did not run; first whether it may watch at all."""
    try:
        os.sched_setaffinity(0, {processor})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        found.put(False)
        return
    found.put(True)
    last = time.monotonic()
    while not stopped.is_set():
        time.sleep(STEP_SECONDS)
        now = time.monotonic()
        if now - last > GAP_SECONDS_MIN:
            found.put((last, now))
        last = now
