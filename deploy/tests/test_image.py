"""`deploy/image` makes the archives that a container runtime expects, of programs that need nothing beside them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from archive import Archive, digest, segments
from tools import ROOT, TARGET

INTERPRETER = 3
PROGRAM = 'fn main() { println!("{:?}", std::env::args().skip(1).collect::<Vec<_>>()); }'
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Made(unittest.TestCase):
    """With a program of one line in the place of the server."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("rustc"):
            raise unittest.SkipTest("there is no rustc to build a program for an image with")
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "main.rs").write_text(PROGRAM)
        cls.static, cls.dynamic = cls.folder / "static", cls.folder / "dynamic"
        for program, flags in ((cls.static, ["-C", "target-feature=+crt-static"]), (cls.dynamic, [])):
            subprocess.run(["rustc", *flags, "-o", program, cls.folder / "main.rs"], check=True)
        (cls.folder / "certificates").write_text("trusted\n")
        (cls.folder / "empty").mkdir()
        cls.archive = cls.folder / "image.tar"
        cls.said = cls.image(cls.archive).stdout

    @classmethod
    def image(cls, output, program=None, more=()):
        places = {"/out/midflight": program or cls.static, CERTIFICATES: cls.folder / "certificates", "/out/data": cls.folder / "empty"}
        command = [sys.executable, ROOT / "deploy/image", "--dockerfile", ROOT / "deploy/docker/Dockerfile.server",
                   "--name", "midflight:1.2.3", "--arg", "VERSION=1.2.3", "--output", output, *more]
        for place, path in places.items():
            command += ["--built", f"{place}={path}"]
        return subprocess.run(command, capture_output=True, text=True)

    def refused(self, *said, **given):
        done = self.image(self.folder / "refused.tar", **given)
        self.assertEqual(done.returncode, 1)
        for text in said:
            self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertFalse((self.folder / "refused.tar").exists())

    def test_the_configuration_is_that_of_the_dockerfile(self):
        archive = Archive(self.archive)
        self.assertEqual(archive.config["User"], "65532:65532")
        self.assertEqual(archive.config["Entrypoint"], ["/midflight"])
        self.assertEqual(archive.config["Cmd"], ["serve"])
        self.assertIn("MIDFLIGHT_LISTEN=0.0.0.0:8080", archive.config["Env"])
        self.assertEqual(archive.config["ExposedPorts"], {"8080/tcp": {}})
        self.assertEqual(archive.config["Labels"]["org.opencontainers.image.version"], "1.2.3")
        self.assertEqual(archive.config["Labels"]["org.opencontainers.image.licenses"], "MIT OR Apache-2.0")

    def test_every_digest_is_that_of_what_it_names(self):
        archive = Archive(self.archive)
        for reference in [archive.index["manifests"][0], archive.manifest["config"], *archive.manifest["layers"]]:
            content = archive.blob(reference["digest"])
            self.assertEqual((digest(content), len(content)), (reference["digest"], reference["size"]))
        self.assertEqual(archive.image["rootfs"]["diff_ids"], [digest(layer) for layer in archive.layers()])

    def test_docker_reads_the_same_image_in_it(self):
        archive = Archive(self.archive)
        docker, = json.loads(archive.files["manifest.json"])
        self.assertEqual(docker["RepoTags"], ["midflight:1.2.3"])
        self.assertEqual(archive.files[docker["Config"]], archive.blob(archive.manifest["config"]["digest"]))
        self.assertEqual([archive.files[layer] for layer in docker["Layers"]], archive.layers())

    def test_it_holds_what_is_copied_and_only_the_place_of_the_volume_is_not_roots(self):
        tree = Archive(self.archive).tree()
        self.assertEqual(sorted(tree), ["/data", "/etc", "/etc/ssl", "/etc/ssl/certs", CERTIFICATES,
                                        "/licenses", "/licenses/LICENSE-APACHE", "/licenses/LICENSE-MIT", "/midflight"])
        self.assertEqual([path for path, (member, _) in tree.items() if (member.uid, member.gid) != (0, 0)], ["/data"])
        self.assertEqual([path for path, (member, _) in tree.items() if member.mode & 0o022], [])
        self.assertEqual(tree["/midflight"][0].mode, 0o755)

    def test_the_same_files_make_the_same_bytes(self):
        again = self.folder / "again.tar"
        os.utime(self.static, (1, 1))
        self.image(again)
        self.assertEqual(again.read_bytes(), self.archive.read_bytes())

    def test_it_says_how_large_it_is(self):
        self.assertIn(f"image    {self.archive.stat().st_size} bytes", self.said)
        self.assertIn(f"program  {self.static.stat().st_size} bytes", self.said)

    def test_a_program_that_needs_a_loader_is_refused(self):
        self.assertIn(INTERPRETER, segments(self.dynamic.read_bytes()))
        self.refused("PT_INTERP", "+crt-static", program=self.dynamic)
        self.refused("not a 64-bit little-endian ELF program", program=self.folder / "main.rs")

    def test_what_does_not_fit_the_dockerfile_is_refused(self):
        self.refused("does not copy /out/other", more=["--built", "/out/other=x"])
        self.refused("has no ARG VERSOIN", more=["--arg", "VERSOIN=1"])
        self.refused("write it as NAME=VALUE", more=["--arg", "VERSION"])
        for last, said in [("RUN true", "only a builder"), ("USER", "USER"), ("COPY --link a /a", "COPY takes")]:
            path = self.folder / "Dockerfile"
            path.write_text(f'FROM scratch\nARG VERSION\nENTRYPOINT ["/a"]\n{last}\n')
            self.refused(said, more=["--dockerfile", path])

    def test_it_runs_where_there_is_nothing_else(self):
        run_in_empty_root(self, Archive(self.archive), ["a", "b c"], '["a", "b c"]')


def run_in_empty_root(test, archive, arguments, said):
    if os.geteuid() != 0:
        test.skipTest("only root may enter an unpacked image")
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        archive.unpack(root)
        code, out, error = archive.run(root, *arguments)
        test.assertEqual((code, error), (0, ""))
        test.assertIn(said, out)


class Built(unittest.TestCase):
    """What `make images` left in target/images, where it ran."""

    # Of each: MiB that the image may have.
    BOUNDS = {"midflight": 40, "midflight-sidecar": 3}

    def test_they_are_static_small_and_run(self):
        for name, mib_max in self.BOUNDS.items():
            with self.subTest(name):
                path = TARGET / "images" / f"{name}.tar"
                if not path.exists():
                    self.skipTest(f"{path.name} was not made; `make images` makes it")
                archive = Archive(path)
                self.assertNotIn(INTERPRETER, segments(archive.program()))
                self.assertLessEqual(path.stat().st_size, mib_max * 2**20)
                self.assertEqual(archive.config["Entrypoint"], [f"/{name}"])
                if not archive.runs_here():
                    self.skipTest(f"{path.name} is for {archive.image['architecture']}")
                run_in_empty_root(self, archive, ["--version"], name.removesuffix("-sidecar"))


if __name__ == "__main__":
    unittest.main()
