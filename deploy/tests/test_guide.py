"""The guide, the chart's README and the notes of a release, run as they are written; see shim.py for what stands in."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import charts
from tools import ROOT

GUIDE = ROOT / "docs/deploy.md"
EXAMPLE = ROOT / "deploy/examples/app-with-sidecar/README.md"
SHIM = Path(__file__).with_name("shim.py")


def blocks(text):
    """Each block of commands with the lines that it must print."""
    for commands, told in re.findall(r"```sh\n(.*?)```\n(?:```text\n(.*?)```)?", text, re.DOTALL):
        yield commands, [line for line in told.splitlines() if line]


class Guide(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        programs = self.folder / "programs"
        programs.mkdir()
        for name in ("helm", "kubectl", "docker", "midflight"):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SHIM}" {name} "$@"\n')
            program.chmod(0o755)
        self.work = self.folder / "work"
        (self.work / "deploy").mkdir(parents=True)
        copy = charts.example().parents[1]
        for name, place in [("helm", copy / "helm"), ("examples", copy / "examples"), ("docker", ROOT / "deploy/docker")]:
            (self.work / "deploy" / name).symlink_to(place)
        self.variables = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "SHIM_STATE": str(self.folder / "state")}

    def run_blocks(self, text):
        """All blocks in one shell, so that a variable of one is there in the next."""
        found = list(blocks(text))
        self.assertGreater(len(found), 0)
        script = "set -euo pipefail\n" + "".join(f"{commands}\necho '=== end of block {at}'\n" for at, (commands, _) in enumerate(found))
        done = subprocess.run(["bash", "-c", script], cwd=self.work, env=self.variables,
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        printed = re.split(r"=== end of block \d+\n", done.stdout)
        for (commands, told), out in zip(found, printed):
            for line in told:
                self.assertIn(line, out, commands)

    def test_the_guide_goes_as_it_is_written(self):
        self.run_blocks(GUIDE.read_text())

    def test_the_chart_is_installed_as_its_readme_says(self):
        readme = (charts.SERVER / "README.md").read_text()
        self.run_blocks(readme.replace("--create-namespace", "").replace("helm install", "kubectl create namespace midflight\nhelm install"))

    def test_the_example_is_installed_as_its_readme_says(self):
        self.run_blocks(EXAMPLE.read_text())

    def test_the_notes_of_a_release_tell_commands_that_go(self):
        secrets = [f"kubectl create secret generic {name} --from-literal={key}=a" for name, key in
                   [("midflight-database", "url"), ("midflight-admin", "token")]]
        for chart, values in [("helm/midflight", {}), ("helm/midflight", charts.POSTGRES | charts.SIDECAR_ON),
                              ("helm/midflight", charts.SIDECAR_ON), ("examples/app-with-sidecar", {})]:
            with self.subTest(chart, **values):
                (self.work / "values.json").write_text(json.dumps(values))
                install = f"install rules deploy/{chart} --values values.json"
                said = charts.helm(*install.split(), "--dry-run=client", folder=self.work)
                commands = re.findall(r"^  (\S.*)$", said.partition("NOTES:")[2], re.MULTILINE)
                self.assertGreater(len(commands), 1)
                self.run_blocks("```sh\n" + "\n".join([*secrets, f"helm {install}", *commands]) + "\n```\n")

    def test_a_command_that_names_what_is_not_there_fails(self):
        for commands in ("helm install a deploy/helm/midflight --namespace none", "kubectl edit configmap none", "docker build --file none .",
                         "helm install a deploy/helm/midflight\nkubectl logs statefulset/a-midflight --container none"):
            with self.subTest(commands), self.assertRaises(AssertionError):
                self.run_blocks(f"```sh\n{commands}\n```\n")

    def test_the_guide_tells_values_and_metrics_that_exist(self):
        text = GUIDE.read_text()
        known = (charts.SERVER / "README.md").read_text() + (charts.example() / "values.yaml").read_text()
        for key in re.findall(r"`((?:store|config|configReloader|adminToken)\.\w+)`", text):
            self.assertIn(key.rpartition(".")[2], known)
        rules = charts.template(charts.SERVER, [charts.EVERYTHING])
        alerts = {rule["alert"] for item in charts.of_kind(rules, "PrometheusRule") for group in item["spec"]["groups"] for rule in group["rules"]}
        for alert in re.findall(r"`((?:Midflight|ConfigReload)[A-Z]\w+)`", text):
            self.assertIn(alert, alerts)

    def test_links_lead_somewhere(self):
        for page in (GUIDE, EXAMPLE, charts.SERVER / "README.md"):
            for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")


if __name__ == "__main__":
    unittest.main()
