"""The Dockerfiles build from pinned images and end in one that holds a program and nothing else."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from each import of_every
from tools import ROOT

DOCKERFILES = [ROOT / "deploy/docker" / name for name in ("Dockerfile.server", "Dockerfile.sidecar")]
HADOLINT = Path(sys.executable).with_name("hadolint")


def instructions(path):
    """Word and rest of each instruction; continued lines are one."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def stages():
    """All instructions of each, and those of its last stage."""
    for path in DOCKERFILES:
        lines = instructions(path)
        last = max(at for at, (word, _) in enumerate(lines) if word == "FROM")
        yield path.name, lines, lines[last:]


class Dockerfiles(unittest.TestCase):
    @of_every(stages)
    def test_the_last_stage_is_empty_but_for_what_is_copied(self, _, last):
        self.assertEqual(last[0], ("FROM", "scratch"))
        self.assertNotIn("RUN", [word for word, _ in last])

    @of_every(stages)
    def test_what_they_build_from_is_pinned_to_a_version(self, lines, _):
        version = re.search(r'^rust-version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        *others, build = [rest for word, rest in lines if word == "FROM" and rest != "scratch"]
        self.assertRegex(build, rf"^rust:{re.escape(version)}\.\d+-slim-\w+ AS build$")
        for image in others:
            self.assertRegex(image, r"^node:\d+\.\d+\.\d+-\w+-slim AS page$")

    def test_the_image_of_the_server_has_the_page(self):
        lines = instructions(ROOT / "deploy/docker/Dockerfile.server")
        begin = next(at for at, (word, rest) in enumerate(lines) if word == "FROM" and rest.endswith(" AS page"))
        end = next(at for at, (word, _) in enumerate(lines) if word == "FROM" and at > begin)
        node = re.search(r"^node:(\d+)\.(\d+)", lines[begin][1])
        wanted = json.loads((ROOT / "ui/package.json").read_text())["engines"]["node"]
        self.assertGreaterEqual(tuple(map(int, node.groups())), tuple(map(int, re.findall(r"\d+", wanted))))
        commands = " ".join(rest for word, rest in lines[begin:end] if word == "RUN")
        self.assertIn("npm ci ", commands)
        self.assertIn("npm run build", commands)
        copied = ("COPY", "--from=page /src/crates/ui/page crates/ui/page")
        build = next(at for at, (word, rest) in enumerate(lines) if word == "RUN" and "cargo build" in rest)
        self.assertLess(lines.index(copied), build, "the page must be there before the server is built")
        self.assertGreater(lines.index(copied), lines.index(("COPY", ". .")), "the sources would replace it")

    @of_every(stages)
    def test_they_run_as_a_number_that_is_not_root(self, _, last):
        self.assertEqual([rest for word, rest in last if word == "USER"], ["65532:65532"])

    @of_every(stages)
    def test_they_start_a_program_and_no_shell(self, _, last):
        entry, = [rest for word, rest in last if word == "ENTRYPOINT"]
        self.assertRegex(entry, r'^\["/midflight(-sidecar)?"\]$')

    @of_every(stages)
    def test_nothing_is_fetched_by_hand_and_nothing_is_writable(self, lines, last):
        self.assertNotIn("ADD", [word for word, _ in lines])
        self.assertNotRegex(" ".join(rest for _, rest in lines), r"https?://|curl|wget")
        for word, rest in last:
            if word == "COPY" and "--chown" in rest:
                self.assertTrue(rest.endswith(" /data"), "only the place of the volume may belong to the user")

    @of_every(stages)
    def test_cargo_takes_the_locked_versions_and_links_statically(self, lines, _):
        build, = [rest for word, rest in lines if word == "RUN" and "npm" not in rest]
        self.assertIn("--locked", build)
        self.assertIn("-C target-feature=+crt-static", build)

    @of_every(stages)
    def test_what_is_copied_is_not_kept_from_the_builder(self, lines, _):
        ignore = (ROOT / ".dockerignore").read_text().split()
        for word, rest in lines:
            if word == "COPY" and "--from" not in rest:
                for source in rest.split()[:-1]:
                    folders = [source, *map(str, Path(source).parents)]
                    self.assertTrue(source == "." or any(f"!{folder}" in ignore for folder in folders), source)

    @of_every(stages)
    def test_the_versions_are_those_of_the_workspace(self, lines, _):
        version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        self.assertIn(("ARG", f"VERSION={version}"), lines)
        chart = ROOT / "deploy/helm/midflight"
        for path in (chart / "Chart.yaml", chart / "charts/midflight-sidecar/Chart.yaml"):
            found = re.findall(r"^(?:version|appVersion): (.+)$", path.read_text(), re.MULTILINE)
            self.assertEqual(found, [version, version], path)
        helper = (chart / "charts/midflight-sidecar/templates/_sidecar.tpl").read_text()
        self.assertRegex(helper, rf'define "midflight.sidecar.version" -}}}}\n{re.escape(version)}\n')

    @unittest.skipUnless(HADOLINT.exists(), "hadolint is not among the tools: the Dockerfiles are not linted")
    def test_hadolint_has_nothing_against_them(self):
        done = subprocess.run([HADOLINT, *DOCKERFILES], capture_output=True, text=True, env=os.environ)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
