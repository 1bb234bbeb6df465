"""Reads an image's archive as a container runtime does, and runs what is in it."""

import hashlib
import io
import json
import os
import platform
import stat
import struct
import subprocess
import tarfile
import time
from pathlib import Path

WAIT_SECONDS_MAX = 60
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Archive:
    def __init__(self, path):
        with tarfile.open(path) as archive:
            self.members = archive.getmembers()
            self.files = {member.name: archive.extractfile(member).read() for member in self.members}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]["digest"]))
        self.image = json.loads(self.blob(self.manifest["config"]["digest"]))
        self.config = self.image["config"]

    def blob(self, digest):
        return self.files["blobs/" + digest.replace(":", "/")]

    def layers(self):
        return [self.blob(layer["digest"]) for layer in self.manifest["layers"]]

    def tree(self):
        """Every file and folder of the image: what tar says of it, and its content."""
        tree = {}
        for layer in self.layers():
            with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
                for member in archive:
                    tree["/" + member.name] = (member, archive.extractfile(member).read() if member.isfile() else None)
        return tree

    def program(self):
        return self.tree()[self.config["Entrypoint"][0]][1]

    def runs_here(self):
        return self.image["architecture"] == MACHINES.get(platform.machine())

    def unpack(self, root):
        """Lays the image out with its owners, as only root can, with the devices that every runtime gives."""
        for path, (member, content) in sorted(self.tree().items()):
            place = Path(root) / path.lstrip("/")
            if content is None:
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.write_bytes(content)
            os.chown(place, member.uid, member.gid)
            place.chmod(member.mode)
        (Path(root) / "dev").mkdir()
        for name, minor in (("null", 3), ("random", 8), ("urandom", 9)):
            os.mknod(Path(root) / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            (Path(root) / "dev" / name).chmod(0o666)

    def start(self, root, *arguments, variables=(), **options):
        """Starts its program in the unpacked image, as its user."""
        user, group = (int(part) for part in self.config["User"].split(":"))

        def enter():
            os.chroot(root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)

        variables = dict(one.split("=", 1) for one in self.config["Env"]) | dict(variables)
        command = [*self.config["Entrypoint"], *arguments]
        return subprocess.Popen(command, preexec_fn=enter, env=variables, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, root, *arguments, variables=()):
        process = self.start(root, *arguments, variables=variables)
        out, error = process.communicate(timeout=60)
        return process.returncode, out, error


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def segments(program):
    """The kinds of the segments of an ELF program."""
    table, = struct.unpack_from("<Q", program, 32)
    step, count = struct.unpack_from("<HH", program, 54)
    return [struct.unpack_from("<I", program, table + step * at)[0] for at in range(count)]


def wait_for(what, found):
    """Waits until something is found, at most WAIT_SECONDS_MAX."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not (value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {WAIT_SECONDS_MAX} s for {what}")
        time.sleep(0.02)
    return value
