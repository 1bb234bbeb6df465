"""A server and its sidecar, started as the chart starts them, when their ConfigMap changes: no restart, and no bad config."""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import charts
from archive import Archive, wait_for
from configmap import ConfigMap
from tools import TARGET

IMAGES = [TARGET / "images" / f"{name}.tar" for name in ("midflight", "midflight-sidecar")]
CHANGED = "log:\n  level: debug\n"
BAD = "log:\n  level: [1]\n"


def get(url):
    """The status and the body, whatever the status is."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@unittest.skipUnless(os.geteuid() == 0, "only root may run what is in an image as its user")
@unittest.skipUnless(all(image.exists() for image in IMAGES), "the images were not made; `make images` makes them")
class OwnConfig(unittest.TestCase):
    def setUp(self):
        archives = [Archive(image) for image in IMAGES]
        if not all(archive.runs_here() for archive in archives):
            self.skipTest("the images are for another architecture")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        self.user = int(archives[0].config["User"].split(":")[0])
        for name in ("data", "state"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, self.user, self.user)
        self.config_map = ConfigMap(self.folder / "etc/midflight")
        self.config_map.write(charts.CONTENT)
        # A name that no other process of this machine has, since there is no pod to be alone in.
        self.name = f"mf-{os.getpid()}"
        self.programs = [self.folder / self.name, self.folder / "sidecar"]
        for program, archive in zip(self.programs, archives):
            program.write_bytes(archive.program())
            program.chmod(0o755)
        self.containers = charts.containers(charts.template(charts.SERVER, [charts.SIDECAR_ON]))

    def start(self, program, container, changed, ready):
        """Starts a program with a container's arguments, but for the places; answers the URL that it tells."""
        arguments, = [one["args"] for one in self.containers if one["name"] == container]
        command = [str(program)]
        for part in [*arguments, "--ready-file", f"/{ready}"]:
            for old, new in changed.items():
                part = part.replace(old, new)
            part = self.name if part == "midflight" else part
            command.append(re.sub(r"^(|--[\w-]+=)/", rf"\1{self.folder}/", part))
        process = subprocess.Popen(command, user=self.user, group=self.user, extra_groups=[], env={}, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        file = self.folder / ready
        wait_for(container, lambda: (file.exists() and file.read_text().strip()) or process.poll() is not None)
        self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
        return process, file.read_text().strip()

    def metric(self, name):
        found = re.search(rf"(?m)^{re.escape(name)} (\d+)$", get(f"{self.metrics}/metrics")[1])
        return int(found[1]) if found else None

    def verified(self, content):
        label = f'{{hash="{hashlib.sha256(content.encode()).hexdigest()}",state="verified"}}'
        return wait_for("the hash", lambda: self.metric(f"config_reload_hash_info{label}"))

    def test_a_change_is_taken_over_and_a_bad_one_is_not(self):
        places = {"0.0.0.0:8080": "127.0.0.1:0", "$(POD_NAME)": "midflight-0", "$(NODE_NAME)": "node"}
        server, url = self.start(self.programs[0], "midflight", places, "data/ready")
        places = {":9091": "127.0.0.1:0", "http://127.0.0.1:8080": url}
        _, self.metrics = self.start(self.programs[1], "config-reloader", places, "state/ready")
        self.verified(charts.CONTENT)

        self.config_map.write(CHANGED)
        self.verified(CHANGED)
        told = json.loads(get(f"{url}/health/reload")[1])
        # The server sees the file itself as well; what it then hears of by signal is no change any more.
        self.assertIn(told["status"], ("success", "unchanged"))
        self.assertEqual(told["served_hash"], hashlib.sha256(CHANGED.encode()).hexdigest())

        self.config_map.write(BAD)
        wait_for("the refusal", lambda: self.metric('config_reload_failures_total{reason="rejected"}'))
        status, body = get(f"{url}/health/reload")
        told = json.loads(body)
        self.assertEqual((status, told["status"]), (503, "validation_failed"))
        self.assertEqual(told["served_hash"], hashlib.sha256(CHANGED.encode()).hexdigest())
        self.assertEqual(get(f"{url}/health/ready")[0], 200)
        self.assertIsNone(server.poll(), "the server was to go on")

        self.config_map.write(charts.CONTENT)
        self.verified(charts.CONTENT)


if __name__ == "__main__":
    unittest.main()
