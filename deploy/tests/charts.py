"""Renders the charts, each with the values that the tests look at."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from tools import ROOT, TOOLS

SERVER = ROOT / "deploy/helm/midflight"
SIDECAR = SERVER / "charts/midflight-sidecar"
# Of the original's users: they must find their keys understood.
HELM_ON = ROOT / "../shared/data/config/e2e-contract/helm-on.yaml"
# The oldest that the charts take, the first with native sidecars, the first whose pods can sleep, a recent one.
KUBERNETES = ["1.25.0", "1.29.0", "1.30.0", "1.37.0"]
RECENT = KUBERNETES[-1]

CONTENT = "log:\n  level: info\n"
POSTGRES = {
    "store": {"kind": "postgres", "postgres": {"existingSecret": {"name": "midflight-database"}}},
    "adminToken": {"existingSecret": {"name": "midflight-admin"}},
    "replicas": 3,
}
SIDECAR_ON = {"config": {"content": CONTENT}, "configReloader": {"enabled": True}}
MONITORED = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
PEER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
EVERYTHING = POSTGRES | SIDECAR_ON | {
    "bus": {"kind": "nats", "existingSecret": {"name": "midflight-bus"}},
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "fullnameOverride": "rules",
    "extraArgs": ["--label=zone=a"],
    "extraEnv": [{"name": "HOT_RELOAD_INTERVAL_SECONDS", "value": "10"}],
    "service": {"type": "LoadBalancer", "port": 8443, "annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "runAsUser": 1000,
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "rules"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
    "priorityClassName": "high",
    "topologySpread": {"whenUnsatisfiable": "DoNotSchedule"},
    "podDisruptionBudget": {"maxUnavailable": "30%"},
    "networkPolicy": {"enabled": True, "ingressFrom": [PEER], "metricsFrom": [PEER],
                      "extraEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
}
# What the server's chart is rendered with.
SERVER_CASES = {
    "nothing said": {},
    "sqlite, monitored, policed": MONITORED | {
        "networkPolicy": {"enabled": True},
        "adminToken": {"existingSecret": {"name": "midflight-admin"}},
        "data": {"storageClass": "fast", "annotations": {"a": "b"}},
    },
    "sqlite with its sidecar": SIDECAR_ON | MONITORED,
    "postgres": POSTGRES,
    "postgres and redis": POSTGRES | {"bus": {"kind": "redis", "existingSecret": {"name": "midflight-bus"}}},
    "postgres with a sidecar that believes nothing": POSTGRES | SIDECAR_ON | {
        "configReloader": {"enabled": True, "verify": "none", "native": "never"}},
    "a cluster that chooses the user": {"runAsUser": None, "serviceAccount": {"create": False}},
    "sqlite with a certificate": MONITORED | {"tls": {"existingSecret": {"name": "midflight-tls"}}},
    "everything on": EVERYTHING,
}
WATCHED = {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}


@functools.cache
def example():
    """The example app with what it depends on, beside the tree: fetching must not change the tree."""
    place = Path(tempfile.mkdtemp(prefix="charts-", dir=TOOLS))
    atexit.register(shutil.rmtree, place)
    shutil.copytree(ROOT / "deploy/helm", place / "helm")
    shutil.copytree(ROOT / "deploy/examples", place / "examples", ignore=shutil.ignore_patterns("charts"))
    chart = place / "examples/app-with-sidecar"
    helm("dependency", "build", str(chart))
    return chart


def example_cases():
    """What the example app is rendered with: name, and the values that are given."""
    chart = example()
    cases = {"app, nothing said": [{}], "app, all watched": [WATCHED]}
    for path in sorted(chart.glob("values-*.yaml")):
        cases[f"app, {path.name}"] = [yaml.safe_load(path.read_text()), WATCHED]
    cases["app, without sidecar"] = [{"configReloader": {"enabled": False}}]
    if HELM_ON.exists():
        cases["app, helm-on.yaml of the original"] = [yaml.safe_load(HELM_ON.read_text())]
    return cases


def rendered():
    """Every chart with every case on every Kubernetes: a name and the objects."""
    for version in KUBERNETES:
        for name, values in SERVER_CASES.items():
            yield f"{name}, Kubernetes {version}", template(SERVER, [values], version)
        for name, values in example_cases().items():
            yield f"{name}, Kubernetes {version}", template(example(), values, version)


def template(chart, values=({},), version=RECENT):
    """The objects of a chart."""
    return list(cached(str(chart), json.dumps(list(values)), version))


@functools.cache
def cached(chart, values, version):
    text = helm("template", "midflight", chart, "--namespace", "rules", "--kube-version", version, values=json.loads(values))
    return tuple(item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item)


def refusal(chart, values):
    """Why helm refuses these values."""
    try:
        helm("template", "midflight", str(chart), values=[values])
    except Refused as refused:
        return str(refused)
    raise AssertionError(f"{values} are taken, and should not be")


class Refused(Exception):
    """What helm has against it."""


def helm(*arguments, values=(), folder=None):
    """Runs helm in a folder with these values, each as a file of its own; answers what it prints."""
    home = TOOLS / "helm-home"
    places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    with tempfile.TemporaryDirectory() as files:
        command = [os.environ["HELM"], *arguments]
        for number, value in enumerate(values):
            path = Path(files) / f"{number}.json"
            path.write_text(json.dumps(value))
            command += ["--values", str(path)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | places, timeout=60)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def of_kind(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def workload(objects):
    """The one thing that has pods."""
    found, = of_kind(objects, "Deployment", "StatefulSet")
    return found


def containers(objects):
    """All containers of the pod, those that begin before it among them."""
    spec = workload(objects)["spec"]["template"]["spec"]
    return spec.get("initContainers", []) + spec["containers"]


def reloader(objects):
    """The config-reloader, if there is one."""
    found = [container for container in containers(objects) if container["name"] == "config-reloader"]
    return found[0] if found else None
