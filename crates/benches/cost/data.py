"""What the servers are filled with before anything is measured."""

import concurrent.futures
import hashlib
import json
import random

from client import Client

BLOBS = 300
BLOB_BYTES = 1_000_000
RULES = 10_000
REGEXES = 600
VERSIONS = 8
EVENTS = 10_000
IMPORT_BYTES = 48 << 20
TOOLS = 2_000
LARGE_TOOLS = 60
LARGE_BYTES = 900_000
LARGE_PATTERNS = 100
COMPONENT_BYTES = 16 << 20


class Data:
    """What the kinds refer to: revisions of interest, and texts that take long."""

    def __init__(self):
        self.first = self.blobs = self.restored = self.head = 0
        self.blob = ""
        self.array_revisions, self.text_revisions = [], []


def rule(number):
    item = {"attribute": "age", "operator": "greater_than_or_equal", "constant": number % 90}
    return {"rule_name": f"rule {number}", "type": "simple", "conditions": {"item": item}, "rule_point": 1,
            "weight": 1, "priority": 1, "action_result": "Y"}


def regex_rule(pattern):
    item = {"attribute": "text", "operator": "regex_search", "constant": pattern}
    return {**rule(0), "conditions": {"item": item}}


def document(kind, name, body):
    return {"kind": kind, "name": name, "body": body}


def tool(number):
    """A tool with twenty patterns, whose times are formulas."""
    patterns = {f"way{n}": {"time_estimate_ms": f"ceil(N / {n + 1}) * {number % 50 + 1} + log(N + 1)",
                            "cost_estimate": "N / 1000", "complexity_score": 0.1} for n in range(20)}
    return {"tool_name": f"tool{number}", "version": "1.0", "platform": "linux", "category": "network",
            "description": f"Finds and repairs thing {number} of a network. " + "All words of a description. " * 20,
            "capabilities": {"repair": {"patterns": patterns}}}


def large_tool(number):
    """A tool whose metadata is nearly as long as a document may be. It comes after the others by name, so that their pages
    are as they were."""
    return {"tool_name": f"zlarge{number:02}", "version": "1.0", "platform": "large", "category": "large",
            "description": "Has long metadata.", "metadata": {"notes": ["x" * 9_000] * (LARGE_BYTES // 9_000)}}


def large_pattern(number):
    """A pattern with as many texts as it may have, nearly a document long."""
    texts = [f"large {number} {n} " + "x" * 850 for n in range(1_000)]
    return {"any_of": texts, "match": "exact", "category": "LARGE"}


def array(seed):
    """About 1 MB of small objects, most of them different for another seed."""
    chosen = random.Random(seed)
    return {"items": [{"n": chosen.randrange(10**6), "on": chosen.random() < 0.5} for _ in range(34_000)]}


def text(seed):
    """About 1 MB of short lines, most of them different for another seed."""
    chosen = random.Random(seed)
    return {"text": "\n".join(f"line {chosen.randrange(50_000)} of a text" for _ in range(38_000))}


def expect(answer, *statuses):
    if answer.status not in (statuses or (200, 201)):
        raise RuntimeError(f"{answer.status}: {answer.body[:2000]!r}")
    return answer


def load(fleet, scale, say):
    """Fills the log through the API. `scale` (0 to 1) makes all of it smaller for a try."""
    admin = Client(fleet.attacked.port, fleet.attacked.token, timeout=300)
    data = Data()

    def put(path, body):
        return expect(admin.ask("PUT", path, body, keep=True)).json()["revision"]

    def load_all(documents):
        """Imports in parts that are small enough; returns the last revision."""
        part, size, revision = [], 0, 0
        for one in [*documents, None]:
            written = None if one is None else json.dumps(one)
            if part and (one is None or size + len(written) > IMPORT_BYTES):
                body = "[" + ",".join(part) + "]"
                headers = {"Content-Type": "application/json"}
                answer = expect(admin.ask("POST", "/api/v1/import", body, headers, keep=True))
                revision, part, size = answer.json()["revision"], [], 0
            if written:
                part.append(written)
                size += len(written)
        return revision

    say("10,000 rules and 600 regular expressions")
    rules = [document("rules", name, {"default": name == "cost"}) for name in ("cost", "probe", "regexes")]
    rules += [document("rules", "probe/R1", rule(18))]
    rules += [document("rules", f"cost/R{n}", rule(n)) for n in range(int(RULES * scale))]
    forms = [r"(a|b|c)*[a-d]{1,20}x$", r"(\w+\s?){1,20}z", r".*(a.*){8}y", r"([a-z]+)+1"]
    rules += [document("rules", f"regexes/R{n}", regex_rule(form)) for n, form in enumerate(forms)]
    data.first = load_all(rules)
    regexes = [document("patterns", f"regex{n}", {
        "pattern": rf"([a-z0-9]+ ?){{1,8}}word{n}[a-z]+(x|y|z)+$", "match": "regex", "category": "METRIC"})
        for n in range(int(REGEXES * scale))]
    regexes += [document("patterns", f"exact{n}", {"pattern": f"where is thing {n}", "category": "METRIC"})
                for n in range(1_000)]
    # In parts: what is compiled for one revision has a deadline.
    for begin in range(0, len(regexes), 200):
        load_all(regexes[begin:begin + 200])

    say("2,000 tools")
    load_all(document("tools", f"tool{n}", tool(n)) for n in range(int(TOOLS * scale)))

    say("60 tools and 100 patterns of nearly 1 MB, and a component of 16 MiB")
    load_all(document("tools", f"zlarge{n:02}", large_tool(n)) for n in range(max(5, int(LARGE_TOOLS * scale))))
    # In parts: what is compiled for one revision has a deadline.
    patterns = [document("patterns", f"zlarge{n:03}", large_pattern(n)) for n in range(max(5, int(LARGE_PATTERNS * scale)))]
    for begin in range(0, len(patterns), 50):
        load_all(patterns[begin:begin + 50])
    blob = random.Random(1).randbytes(COMPONENT_BYTES)
    data.blob = hashlib.sha256(blob).hexdigest()
    expect(admin.ask("PUT", f"/api/v1/blobs/{data.blob}", blob, {"Content-Type": "application/octet-stream"}, keep=True))

    say("300 documents of 1 MB")
    names = [f"blob{n:03}" for n in range(int(BLOBS * scale))]
    data.blobs = load_all(document("config", name, {"text": f"{n} " + "x" * BLOB_BYTES})
                          for n, name in enumerate(names))
    say("a revision of all of them at once")
    changes = [{"kind": "config", "name": name, "op": "delete"} for name in names]
    expect(admin.ask("POST", "/api/v1/apply", {"changes": changes}, keep=True))
    restored = admin.ask("POST", f"/api/v1/revisions/{data.blobs}/restore", {}, keep=True)
    # A server may refuse a revision of this size; then there is none, and the kinds about it see less.
    data.restored = restored.json()["revision"] if restored.status == 200 else data.blobs
    if restored.status != 200:
        say(f"restore of all at once was refused with {restored.status}")
        load_all(document("config", name, {"text": f"{n} " + "x" * BLOB_BYTES})
                 for n, name in enumerate(names))

    say("versions of large arrays and texts")
    for seed in range(max(2, int(VERSIONS * scale))):
        data.array_revisions.append(put("/api/v1/config/array", array(seed)))
        data.text_revisions.append(put("/api/v1/config/text", text(seed)))
    deep = {"type": "object", "properties": {}}
    inner = deep
    for n in range(30):
        inner["properties"][f"p{n}"] = {"type": "object", "properties": {}}
        inner = inner["properties"][f"p{n}"]
    load_all([document("config", "schemas/deep", deep), document("config", "deep", {}),
              document("config", "patched", {})])

    say("reload events")
    events = int(EVENTS * scale)

    def reload(count):
        client = Client(fleet.attacked.port, fleet.attacked.token)
        for _ in range(count):
            client.ask("POST", "/api/v1/rules/hot-reload/reload", {"force": False, "validate": False})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(reload, [events // 8] * 8))
    data.head = expect(admin.ask("GET", "/api/v1/status", keep=True)).json()["served_revision"]
    return data
