"""The flags that the charts pass are flags that the programs take, and the config-reloader starts with them."""

import os
import re
import signal
import tempfile
import unittest
from pathlib import Path

import charts
from archive import WAIT_SECONDS_MAX, Archive, wait_for
from each import of_every
from tools import ROOT, TARGET

SERVE = ROOT / "crates/cli/src"
RELOADER = ROOT / "crates/sidecar/src"
RELOADER_IMAGE = TARGET / "images/midflight-sidecar.tar"


def passed(container):
    """The names of the flags in a container's arguments."""
    return {part.removeprefix("--").partition("=")[0] for part in container["args"] if part.startswith("--")}


def server_flags():
    """What `midflight serve` takes: the fields that its sources declare as flags."""
    text = "\n".join(path.read_text() for path in [SERVE / "serve.rs", *sorted((SERVE / "serve").glob("*.rs"))])
    fields = re.findall(r"#\[arg\(long\b.*?\]\n\s*(\w+):", text, re.DOTALL) + re.findall(r"^    (\w+_max): \w+ =>", text, re.MULTILINE)
    named = re.findall(r'#\[arg\(long = "([\w-]+)"', text)
    return {field.replace("_", "-") for field in fields} | set(named)


def reloaders():
    """The config-reloader of every rendering that has one."""
    cases = [(name, charts.template(charts.SERVER, [values])) for name, values in charts.SERVER_CASES.items()]
    cases += [(name, charts.template(charts.example(), values)) for name, values in charts.example_cases().items()]
    for name, objects in cases:
        if container := charts.reloader(objects):
            yield name, container


class Flags(unittest.TestCase):
    def test_the_server_takes_every_flag_that_the_chart_passes(self):
        known = server_flags()
        self.assertIn("listen", known)
        self.assertIn("drain-ms-max", known)
        asked = set()
        for name, values in charts.SERVER_CASES.items():
            server, = [one for one in charts.containers(charts.template(charts.SERVER, [values])) if one["name"] == "midflight"]
            asked |= passed(server)
        self.assertIn("config", asked)
        self.assertLessEqual(asked, known)

    @unittest.skipUnless(RELOADER.exists(), "crates/sidecar is not there: the flags of the config-reloader are taken as said")
    @of_every(reloaders)
    def test_the_config_reloader_takes_every_flag_that_the_charts_pass(self, container):
        text = "\n".join(path.read_text() for path in sorted(RELOADER.rglob("*.rs")))
        for flag in passed(container):
            self.assertRegex(text, rf'flag\(\s*"{flag}"')


@unittest.skipUnless(os.geteuid() == 0, "only root may enter an unpacked image")
@unittest.skipUnless(RELOADER_IMAGE.exists(), f"{RELOADER_IMAGE.name} was not made; `make images` makes it")
class Started(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.archive = Archive(RELOADER_IMAGE)
        if not cls.archive.runs_here():
            raise unittest.SkipTest(f"{RELOADER_IMAGE.name} is for {cls.archive.image['architecture']}")

    @of_every(reloaders)
    def test_the_config_reloader_starts_with_the_flags_of_every_case(self, container):
        with tempfile.TemporaryDirectory() as root:
            self.start_and_stop(Path(root), container)

    def start_and_stop(self, root, container):
        root.chmod(0o755)
        self.archive.unpack(root)
        user = int(self.archive.config["User"].split(":")[0])
        for mount in container["volumeMounts"]:
            place = root / mount["mountPath"].lstrip("/")
            place.mkdir(parents=True)
            os.chown(place, user, user)
            for file, content in (("config.yaml", "a: 1\n"), ("token", "mf_" + "0" * 64)):
                (place / file).write_text(content)
                os.chown(place / file, user, user)
        at = container["args"].index("--metrics-addr")
        arguments = [*container["args"][:at], "--metrics-addr", "127.0.0.1:0", "--ready-file", "/state/ready"]
        process = self.archive.start(root, *arguments)
        try:
            wait_for("the config-reloader", lambda: (root / "state/ready").exists() or process.poll() is not None)
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            process.send_signal(signal.SIGTERM)
            _, error = process.communicate(timeout=WAIT_SECONDS_MAX)
            self.assertEqual(process.returncode, 0, error)
        finally:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    unittest.main()
