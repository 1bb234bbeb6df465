"""The config-reloader of the example does its work: a ConfigMap changes as kubelet changes it, and the app hears of it."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml

import charts
from archive import Archive, wait_for
from configmap import ConfigMap
from tools import TARGET

IMAGE = TARGET / "images/midflight-sidecar.tar"
# Says on its output when it listens for SIGHUP, and each time it hears one; ends with its input.
HEARS_SIGNALS = "trap 'echo reloaded' HUP; echo listening; until read -r _; [ $? -le 128 ]; do :; done"


class App(BaseHTTPRequestHandler):
    """Reloads on a POST to /-/reload, as Alertmanager does, and refuses what is not good."""

    def do_POST(self):
        content = self.server.file.read_text()
        is_good = self.path == "/-/reload" and "bad" not in content
        if is_good:
            self.server.served = content
        self.send_response(200 if is_good else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@unittest.skipUnless(os.geteuid() == 0, "only root may enter an unpacked image")
@unittest.skipUnless(IMAGE.exists(), f"{IMAGE.name} was not made; `make images` makes it")
class Reload(unittest.TestCase):
    def setUp(self):
        self.archive = Archive(IMAGE)
        if not self.archive.runs_here():
            self.skipTest(f"{IMAGE.name} is for {self.archive.image['architecture']}")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.root.chmod(0o755)
        self.archive.unpack(self.root)
        self.user = int(self.archive.config["User"].split(":")[0])
        (self.root / "state").mkdir()
        os.chown(self.root / "state", self.user, self.user)
        self.config_map = ConfigMap(self.root / "etc/app")
        self.config_map.write("route: {}\n")

    def start(self, values, changed):
        """Starts the config-reloader as the chart does with these values, but for what is changed in its arguments.

        It is not shut into its image, where there would be no /proc to find a process in.
        """
        arguments = charts.reloader(charts.template(charts.example(), [values]))["args"] + ["--ready-file", "/state/ready"]
        changed = {":9091": "127.0.0.1:0"} | changed
        arguments = [changed.get(part, f"{self.root}{part}" if part.startswith("/") else part) for part in arguments]
        program = self.root / self.archive.config["Entrypoint"][0].lstrip("/")
        process = subprocess.Popen([program, *arguments], user=self.user, group=self.user, extra_groups=[], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        ready = self.root / "state/ready"
        self.metrics = wait_for("the config-reloader", lambda: ready.exists() and ready.read_text().strip()) + "/metrics"

    def metric(self, name):
        with urllib.request.urlopen(self.metrics) as answer:
            found = re.search(rf"(?m)^{re.escape(name)} (\d+)$", answer.read().decode())
        return int(found[1]) if found else None

    def test_a_post_is_believed_by_its_status(self):
        app = HTTPServer(("127.0.0.1", 0), App)
        self.addCleanup(app.server_close)
        self.addCleanup(app.shutdown)
        app.file, app.served = self.root / "etc/app/config.yaml", "route: {}\n"
        threading.Thread(target=app.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{app.server_port}/-/reload"
        self.start({}, {"http://127.0.0.1:9093/-/reload": url})

        before = wait_for("the first word", lambda: self.metric("config_reload_successes_total"))
        self.config_map.write("route: {receiver: b}\n")
        wait_for("the change", lambda: self.metric("config_reload_successes_total") > before)
        self.assertEqual(app.served, "route: {receiver: b}\n")
        self.config_map.write("bad\n")
        wait_for("the refusal", lambda: self.metric('config_reload_failures_total{reason="rejected"}'))
        self.assertEqual(app.served, "route: {receiver: b}\n")

    def test_a_signal_reaches_a_process_of_the_same_user(self):
        values = yaml.safe_load((charts.example() / "values-signal.yaml").read_text())
        name = f"alertmanager-{os.getpid()}"
        app = subprocess.Popen([name, "-c", HEARS_SIGNALS], executable=shutil.which("bash"), user=self.user, group=self.user,
                               extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(app.communicate)
        self.assertEqual(app.stdout.readline(), "listening\n")
        self.start(values, {"alertmanager": name})
        self.config_map.write("route: {receiver: b}\n")
        self.assertEqual(app.stdout.readline(), "reloaded\n")
        wait_for("the count", lambda: self.metric("config_reload_successes_total"))


if __name__ == "__main__":
    unittest.main()
