"""The server's image serves as the chart starts it: as its user, finding names by DNS, with the metrics that the alerts ask for."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

import yaml

import charts
from archive import WAIT_SECONDS_MAX, Archive, wait_for
from tools import ROOT, TARGET

RELOADER_IMAGE = TARGET / "images/midflight-sidecar.tar"
IMAGE = TARGET / "images/midflight.tar"
NAME = "midflight.rules.svc.cluster.example"


class NameServer:
    """Answers every question for an IPv4 address with that of this machine."""

    def __init__(self):
        self.asked = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The port of DNS cannot be chosen, but loopback has many addresses.
        self.address = f"127.{os.getpid() % 200 + 20}.{time.time_ns() % 200 + 20}.53"
        self.socket.bind((self.address, 53))
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        while True:
            try:
                question, client = self.socket.recvfrom(512)
            except OSError:
                return
            end = question.index(b"\0", 12) + 5
            self.asked.add(question[12:end - 5])
            is_ipv4 = question[end - 4:end - 2] == b"\0\1"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x7f\0\0\1" if is_ipv4 else b""
            counts = b"\0\1" + (b"\0\1" if is_ipv4 else b"\0\0") + b"\0\0\0\0"
            self.socket.sendto(question[:2] + b"\x81\x80" + counts + question[12:end] + record, client)


@unittest.skipUnless(os.geteuid() == 0, "only root may enter an unpacked image")
@unittest.skipUnless(IMAGE.exists(), f"{IMAGE.name} was not made; `make images` makes it")
class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.archive = Archive(IMAGE)
        if not cls.archive.runs_here():
            raise unittest.SkipTest(f"{IMAGE.name} is for {cls.archive.image['architecture']}")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name)
        cls.root.chmod(0o755)
        cls.archive.unpack(cls.root)
        cls.names = NameServer()
        cls.addClassCleanup(cls.names.socket.close)
        (cls.root / "etc/resolv.conf").write_text(f"nameserver {cls.names.address}\n")
        cls.server = cls.archive.start(cls.root, *cls.arguments(), "--ready-file=/data/ready")
        cls.addClassCleanup(cls.server.communicate)
        cls.addClassCleanup(cls.server.kill)
        cls.url = wait_for("the server", cls.started)
        cls.port = cls.url.rpartition(":")[2]

    @classmethod
    def arguments(cls):
        """What the chart starts it with, when nothing is said, but for the port."""
        server, = charts.workload(charts.template(charts.SERVER))["spec"]["template"]["spec"]["containers"]
        values = {"$(POD_NAME)": "midflight-0", "$(NODE_NAME)": "node", ":8080": ":0"}
        for flag in server["args"]:
            for name, value in values.items():
                flag = flag.replace(name, value)
            yield flag

    @classmethod
    def started(cls):
        if cls.server.poll() is not None:
            raise AssertionError(f"the server ended: {cls.server.stderr.read()}")
        ready = cls.root / "data/ready"
        return ready.exists() and ready.read_text().strip()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=WAIT_SECONDS_MAX) as answer:
            return answer.read().decode()

    def test_probes_and_metrics_answer_without_a_token(self):
        self.assertEqual(json.loads(self.get("/health/live")), {"status": "alive"})
        self.assertEqual(json.loads(self.get("/health/ready"))["status"], "ready")
        self.assertIn("midflight_registry_version", self.get("/metrics"))

    def test_the_config_reloader_needs_no_token_to_ask_how_a_reload_went(self):
        told = json.loads(self.get("/health/reload"))
        self.assertIn("status", told)
        self.assertIn("served_hash", told)

    def test_a_static_program_finds_names_by_dns(self):
        token = (self.root / "data/admin-token").read_text().strip()
        code, out, error = self.archive.run(self.root, "status", "--url", f"http://{NAME}:{self.port}",
                                            variables=[("MIDFLIGHT_TOKEN", token)])
        self.assertEqual((code, error), (0, ""))
        self.assertIn("served revision", out)
        self.assertIn(b"".join(bytes([len(part)]) + part.encode() for part in NAME.split(".")), self.names.asked)

    def test_the_token_is_only_for_its_user_and_can_be_read_as_the_notes_say(self):
        self.assertEqual((self.root / "data/admin-token").stat().st_mode & 0o777, 0o600)
        user = int(self.archive.config["User"].split(":")[0])
        command = ["cat", f"/proc/{self.server.pid}/root/data/admin-token"]
        own = subprocess.run(command, user=user, group=user, extra_groups=[], capture_output=True, text=True)
        self.assertEqual(own.stdout, (self.root / "data/admin-token").read_text(), own.stderr)
        other = subprocess.run(command, user=user + 1, group=user + 1, extra_groups=[], capture_output=True)
        self.assertNotEqual(other.returncode, 0)

    @unittest.skipUnless(RELOADER_IMAGE.exists(), f"{RELOADER_IMAGE.name} was not made; `make images` makes it")
    def test_the_config_reloader_writes_its_documents_to_files(self):
        values = yaml.safe_load((charts.example() / "values-from.yaml").read_text())
        arguments = charts.reloader(charts.template(charts.example(), [values]))["args"]
        folder = self.root / "data/reloader"
        for name in ("etc/app", "state", "token"):
            (folder / name).mkdir(parents=True)
        (folder / "token/token").write_text((self.root / "data/admin-token").read_text())
        program = folder / "program"
        program.write_bytes(Archive(RELOADER_IMAGE).program())
        program.chmod(0o755)
        # Like the example but for the places, and with a kind that every server has; nobody is told here.
        changed = {values["configReloader"]["from"]["url"]: f"http://127.0.0.1:{self.port}", ":9091": "127.0.0.1:0"}
        document = values["configReloader"]["from"]["documents"][0]["document"]
        arguments = [
            changed.get(part, f"{folder}{part}" if part.startswith("/") else part)
            .replace(f"{document}=", f"rules/conditions/old={folder}") for part in arguments
        ]
        self.apply(20)
        process = subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        file = folder / "etc/app/config.yaml"
        wait_for("the file", lambda: file.exists() and json.loads(file.read_text())["constant"] == 20)
        self.apply(21)
        wait_for("the change", lambda: json.loads(file.read_text())["constant"] == 21)

    def apply(self, constant):
        body = {"attribute": "age", "operator": "greater_than_or_equal", "constant": constant}
        document = {"kind": "rules", "name": "conditions/old", "body": body}
        (self.root / "data/old.yaml").write_text(json.dumps(document))
        token = (self.root / "data/admin-token").read_text().strip()
        code, _, error = self.archive.run(self.root, "apply", "-f", "/data/old.yaml", "--url", f"http://127.0.0.1:{self.port}",
                                          variables=[("MIDFLIGHT_TOKEN", token)])
        self.assertEqual(code, 0, error)

    def test_every_gauge_that_an_alert_asks_for_is_there(self):
        told = self.get("/metrics")
        text = (ROOT / "deploy/helm/midflight/templates/prometheusrule.yaml").read_text()
        # One that counts by outcome is there from the first of its kind.
        asked = {word.split("{")[0] for word in text.replace("(", " ").split() if word.startswith("midflight_")}
        self.assertGreater(len(asked), 8)
        for metric in asked - {"midflight_reloads_failed_total"}:
            self.assertRegex(told, rf"(?m)^{metric} \d")


if __name__ == "__main__":
    unittest.main()
