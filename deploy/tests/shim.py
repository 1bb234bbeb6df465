#!/usr/bin/env python3
"""Stands for kubectl and docker, and before helm, when the guide is run: there is no cluster, but there is what would be in it.

`helm install` renders the chart; whatever kubectl is then asked for must be among what was rendered or created.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

STATE = Path(os.environ["SHIM_STATE"])
WORKLOADS = {"deployment": "Deployment", "statefulset": "StatefulSet", "service": "Service", "configmap": "ConfigMap",
             "secret": "Secret", "pod": "Pod"}
TOKEN = "mf_" + "0" * 64
# Flags of helm that say how to install, not what.
HOW = {"--create-namespace", "--wait", "--install", "--force-conflicts"}
DOCKER = {"build": {"--file", "--tag"}, "cp": set(), "logs": set(), "exec": set(),
          "run": {"--detach", "--name", "--read-only", "--stop-timeout", "--publish", "--volume", "--env"}}


def main():
    before = STATE.read_text() if STATE.exists() else '{"releases": {}, "secrets": {}, "namespaces": ["default"]}'
    state = json.loads(before)
    name, *arguments = sys.argv[1:]
    {"helm": helm, "kubectl": kubectl, "docker": docker, "midflight": midflight}[name](arguments, state)
    after = json.dumps(state)
    # One that runs in the background changes nothing, and must not write over what another did meanwhile.
    if after != before:
        fresh = STATE.with_suffix(".new")
        fresh.write_text(after)
        fresh.replace(STATE)


def flag(arguments, name, otherwise):
    return arguments[arguments.index(name) + 1] if name in arguments else otherwise


def plain(arguments, with_values):
    """What is no flag and no value of one."""
    found, skip = [], False
    for part in arguments:
        if skip or part.startswith("-"):
            skip = not skip and part in with_values
        else:
            found.append(part)
    return found


def helm(arguments, state):
    command, *rest = arguments
    namespace = flag(rest, "--namespace", "default")
    if command in ("install", "upgrade"):
        known(namespace, state["namespaces"], "namespace")
        rendered = real_helm(["template", *(part for part in rest if part not in HOW)])
        if command == "upgrade":
            known(f"{namespace}/{rest[0]}", state["releases"], "release")
        objects = [item for item in yaml.safe_load_all(rendered) if item]
        has_secrets(objects, namespace, state)
        state["releases"][f"{namespace}/{rest[0]}"] = objects
    elif command == "rollback":
        known(f"{namespace}/{rest[0]}", state["releases"], "release")
    else:
        print(real_helm(arguments))


def real_helm(arguments):
    done = subprocess.run([os.environ["HELM"], *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def has_secrets(objects, namespace, state):
    """Every secret that a pod asks for was created, with the key."""
    text = json.dumps(objects)
    for name, key in re.findall(r'"secretKeyRef": {"name": "([^"]+)", "key": "([^"]+)"}', text):
        known(key, known(f"{namespace}/{name}", state["secrets"], "secret"), f"key of the secret {name}")
    for name in re.findall(r'"secretName": "([^"]+)"', text):
        known(f"{namespace}/{name}", state["secrets"], "secret")


def kubectl(arguments, state):
    namespace = flag(arguments, "--namespace", "default")
    command, *names = plain(arguments, {"--namespace", "--output", "--container", "--image", "--target"})
    if command == "create":
        create(names, arguments, namespace, state)
        return
    known(namespace, state["namespaces"], "namespace")
    if command == "get" and names[0] == "secret":
        keys = known(f"{namespace}/{names[1]}", state["secrets"], "secret")
        known(re.search(r'index .data "(\w+)"', flag(arguments, "--output", ""))[1], keys, "key")
        print(TOKEN)
    elif command == "debug":
        workload, _, number = names[0].removeprefix("pod/").rpartition("-")
        known(number, ["0"], "pod")
        check("logs", find("statefulset", workload, namespace, state), names, ["--container", flag(arguments, "--target", "")])
        print(TOKEN)
    elif command in ("rollout", "port-forward", "edit", "logs"):
        target = names[1] if command == "rollout" else names[0]
        kind, name = target.split("/") if "/" in target else names[:2]
        check(command, find(kind, name, namespace, state), names, arguments)
    else:
        sys.exit(f"the guide asks kubectl for {command}, which the shim does not know")


def create(names, arguments, namespace, state):
    if names[0] == "namespace":
        state["namespaces"].append(names[1])
        return
    known(namespace, state["namespaces"], "namespace")
    literals = dict(part.split("=", 2)[1:] for part in arguments if part.startswith("--from-literal="))
    state["secrets"][f"{namespace}/{names[2]}"] = literals


def find(kind, name, namespace, state):
    for release, objects in state["releases"].items():
        for item in objects:
            if release.startswith(f"{namespace}/") and (item["kind"], item["metadata"]["name"]) == (WORKLOADS[kind], name):
                return item
    sys.exit(f"no chart that the guide installed makes the {kind} {name} in {namespace}")


def check(command, item, names, arguments):
    if command == "port-forward":
        port = int(names[-1].split(":")[1])
        known(port, [one["port"] for one in item["spec"]["ports"]], "port")
    elif command == "logs":
        pod = item["spec"]["template"]["spec"]
        has = [one["name"] for one in pod.get("initContainers", []) + pod["containers"]]
        known(flag(arguments, "--container", has[-1]), has, "container")


def docker(arguments, _state):
    command, *rest = arguments
    flags = {part for part in rest if part.startswith("--")}
    if unknown := flags - known(command, DOCKER, "command of docker"):
        sys.exit(f"the shim does not know docker {command} {' '.join(sorted(unknown))}")
    if command == "build" and not Path(flag(rest, "--file", "")).exists():
        sys.exit(f"there is no {flag(rest, '--file', '')}")


def midflight(_arguments, _state):
    if not os.environ.get("MIDFLIGHT_TOKEN", "").startswith("mf_"):
        sys.exit("the guide calls midflight without a token")


def known(name, names, what):
    """Answers what has this name, or ends with what is missing."""
    if name not in names:
        sys.exit(f"the guide names the {what} {name}, and there is none; there is {', '.join(map(str, names)) or 'nothing'}")
    return names[name] if isinstance(names, dict) else [name]


if __name__ == "__main__":
    main()
