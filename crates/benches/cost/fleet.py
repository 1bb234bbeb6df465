"""Two release servers on one PostgreSQL (or one on SQLite), started for a measurement and stopped after it."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS_MAX = 60
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    """Returns a port of loopback that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, is_so, seconds=START_SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"timed out after {seconds} s: {what}")
        time.sleep(0.02)


class Postgres:
    """A PostgreSQL of its own, run by an unprivileged user."""

    def __init__(self, folder):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            raise SystemExit("PostgreSQL is not installed: run `make test-needs`, or use --sqlite")
        self.bin, self.data, self.port = found[-1], os.path.join(folder, "postgres"), free_port()
        self.user = "postgres" if os.getuid() == 0 else None
        os.mkdir(self.data, 0o700)
        if self.user:
            os.chmod(folder, 0o755)
            owner = pwd.getpwnam(self.user)
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
        self._run(["initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync"])
        command = self._as(["postgres", "-D", self.data, "-p", str(self.port), "-k", self.data,
                            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100"])
        self.log = open(os.path.join(folder, "postgres.log"), "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        wait_until("PostgreSQL accepts connections", self._is_ready)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _as(self, command):
        command = [os.path.join(self.bin, command[0])] + command[1:]
        # setpriv replaces itself, so that the signal to stop reaches PostgreSQL.
        change = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return change + command if self.user else command

    def _run(self, command):
        subprocess.run(self._as(command), check=True, stdout=subprocess.DEVNULL)

    def _is_ready(self):
        command = [os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command).returncode == 0

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.log.close()


class Server:
    """One replica."""

    def __init__(self, program, folder, name, store, flags=()):
        self.program, self.name, self.store, self.flags = program, name, store, list(flags)
        self.folder = os.path.join(folder, name)
        self.token_file = os.path.join(folder, "admin-token")
        os.makedirs(self.folder, exist_ok=True)
        self.port, self.process, self.token = free_port(), None, None
        self.start()

    def start(self):
        ready = os.path.join(self.folder, "ready")
        if os.path.exists(ready):
            os.remove(ready)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        command = [self.program, "serve", "--listen", f"127.0.0.1:{self.port}", "--replica-id", self.name,
                   "--data-dir", os.path.join(self.folder, "data"), "--ready-file", ready,
                   "--admin-token-file", self.token_file, "--store", self.store, *self.flags]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MIDFLIGHT_")}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)

        def is_ready():
            if self.process.poll() is not None:
                # Shown here, since the folder is removed at the end.
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                    said = "".join(file.readlines()[-5:])
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {said}")
            return os.path.exists(ready) and os.path.getsize(ready) > 0

        wait_until(f"{self.name} is ready", is_ready)
        with open(self.token_file, encoding="ascii") as file:
            self.token = file.read().strip()

    @property
    def is_running(self):
        return self.process.poll() is None

    def cpu_ms(self):
        """Returns the CPU time that the process has used so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / TICKS_PER_SECOND

    def rss_kib(self):
        """Returns the resident memory of the process."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def settle(self, seconds):
        """Waits until the process is idle; returns whether it came to rest."""
        deadline, quiet = time.monotonic() + seconds, 0
        before = self.cpu_ms()
        while time.monotonic() < deadline and self.is_running:
            time.sleep(0.1)
            now = self.cpu_ms()
            quiet = quiet + 1 if now - before <= 10 else 0
            before = now
            if quiet >= 3:
                return True
        return False

    def stop(self, seconds=15):
        if self.is_running:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def restart(self):
        self.stop(5)
        self.start()


class Fleet:
    """The servers: `attacked`, and `other`, which is the same one on SQLite."""

    def __init__(self, program, on_sqlite):
        self.folder = tempfile.mkdtemp(prefix="midflight-cost-")
        self.postgres, self.servers = None, []
        try:
            if on_sqlite:
                store = "sqlite:" + os.path.join(self.folder, "log.db")
                self.servers = [Server(program, self.folder, "one", store)]
            else:
                self.postgres = Postgres(self.folder)
                for name in ("one", "two"):
                    self.servers.append(Server(program, self.folder, name, self.postgres.url))
        except BaseException:
            self.stop()
            raise
        self.attacked, self.other = self.servers[0], self.servers[-1]

    def stop(self):
        for server in self.servers:
            server.stop()
        if self.postgres:
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
