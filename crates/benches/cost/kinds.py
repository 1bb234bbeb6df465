"""The most expensive requests: each kind with the bound that is to hold it.

A kind is a function that does one thing and returns the status and the size of the answer. It is run alone, and then in a
loop by clients with and without a token. What needs a token is refused without one; that is a part of the measurement.
"""

import json
import os
import time

from client import Answer, connect, head, read_status
from data import array, document, regex_rule, rule, text

KINDS = []


class Kind:
    def __init__(self, name, bound, run, once):
        self.name, self.bound, self.run, self.once = name, bound, run, once


def kind(name, bound, once=True):
    """Registers a kind. Without `once` it is only run in a loop, since one alone does nothing."""
    def register(run):
        KINDS.append(Kind(name, bound, run, once))
        return run
    return register


def simple(name, bound, method, path, body=None, headers=None):
    """Registers a kind that is one request. Paths and bodies may be functions of the data."""
    cache = {}

    def run(client, data):
        if "body" not in cache:
            made = body(data) if callable(body) else body
            made = json.dumps(made) if isinstance(made, (dict, list)) else made
            cache["body"] = made.encode() if isinstance(made, str) else made
        to = path(data) if callable(path) else path
        more = dict(headers or {})
        if cache["body"] is not None:
            more.setdefault("Content-Type", "application/json")
        return client.ask(method, to, cache["body"], more)
    KINDS.append(Kind(name, bound, run, True))


# Reads of everything.
simple("export-all", "answer_bytes_max", "GET", "/api/v1/export")
simple("export-rules", "answer_bytes_max", "GET", "/api/v1/export?kind=rules")
simple("documents-page-of-1-mb", "answer_bytes_max", "GET", "/api/v1/documents/config?limit=500")
simple("documents-at-a-revision", "answer_bytes_max", "GET",
       lambda data: f"/api/v1/documents/config?limit=500&at={data.blobs}")
simple("versions-of-1-mb", "answer_bytes_max", "GET", "/api/v1/documents/config/array/versions?limit=500")
simple("revisions-page", "answer_bytes_max", "GET", "/api/v1/revisions?limit=500")
simple("revision-of-300-mb", "answer_bytes_max", "GET", lambda data: f"/api/v1/revisions/{data.restored}")
simple("rules-page", "limit", "GET", "/api/v1/rulesets/cost/rules?limit=500")
simple("config-list", "answer_bytes_max", "GET", "/api/v1/config?limit=500")
simple("config-effective", "diff_ms_max", "GET", "/api/v1/config/array/effective")
simple("patterns-search", "limit", "GET", "/api/v1/patterns?limit=500&q=zzzz")
simple("patterns-large-page", "answer_bytes_max", "GET", "/api/v1/patterns?limit=500&category=LARGE")
simple("patterns-performance", "limit", "GET", "/api/v1/patterns/performance?limit=500")

# Differences.
simple("diff-of-300-mb", "diff_ms_max", "GET",
       lambda data: f"/api/v1/revisions/{data.restored}/diff?against={data.restored - 1}")
simple("diff-of-everything", "diff_ms_max", "GET",
       lambda data: f"/api/v1/revisions/{data.head}/diff?against={data.first}")
simple("diff-of-arrays", "diff_ms_max", "GET",
       lambda data: f"/api/v1/config/array/diff?revision={data.array_revisions[-1]}&against={data.array_revisions[0]}")
simple("diff-of-texts", "diff_ms_max", "GET",
       lambda data: f"/api/v1/config/text/diff?revision={data.text_revisions[-1]}&against={data.text_revisions[0]}")
simple("restore-preview", "restore_bytes_max", "POST",
       lambda data: f"/api/v1/revisions/{data.blobs}/restore?dry_run=true", {})
simple("rollback-preview", "diff_ms_max", "POST", "/api/v1/config/array/rollback?dry_run=true",
       lambda data: {"revision": data.array_revisions[0]})

# Dry runs and imports.
simple("import-dry-run", "import_bytes_max", "POST", "/api/v1/import?dry_run=true",
       lambda _: [document("rules", f"fresh/R{n}", rule(n)) for n in range(10_000)])
simple("import-lenient-all-bad", "import_bytes_max", "POST", "/api/v1/import?dry_run=true",
       lambda _: [document("rules", f"bad/R{n}", {"rule_pint": n, "conditions": 7}) for n in range(20_000)],
       {"Prefer": "handling=lenient"})
simple("import-yaml-aliases", "alias bound of the YAML reader", "POST", "/api/v1/import?dry_run=true",
       lambda _: "kind: config\nname: bomb\nbody:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
           f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
       {"Content-Type": "application/yaml"})
simple("import-yaml-large", "import_bytes_max", "POST", "/api/v1/import?dry_run=true",
       lambda _: "".join(f"---\nkind: config\nname: y{n}\nbody: {{n: {n}, t: text}}\n" for n in range(20_000)),
       {"Content-Type": "application/yaml"})
simple("apply-dry-run", "changes_max", "POST", "/api/v1/apply?dry_run=true", lambda _: {"changes": [
    {"kind": "rules", "name": f"fresh/R{n}", "op": "put", "body": rule(n)} for n in range(4_000)]})


def doubled(depth):
    """A schema of a few bytes whose evaluation doubles with each step."""
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
             for n in range(depth)}
    return {"$defs": {**steps, f"d{depth}": {"type": "string"}}, "$ref": "#/$defs/d0"}


def with_schema(name, schema, body):
    return {"changes": [{"kind": "config", "name": f"schemas/{name}", "op": "put", "body": schema},
                        {"kind": "config", "name": name, "op": "put", "body": body}]}


simple("schema-doubled-26", "schema_evaluations_max", "POST", "/api/v1/apply?dry_run=true",
       with_schema("bomb", doubled(26), {"a": 1}))
simple("schema-doubled-40", "schema_evaluations_max", "POST", "/api/v1/apply?dry_run=true",
       with_schema("bomb", doubled(40), {"a": 1}))
simple("schema-regex", "regex bounds of schemas", "POST", "/api/v1/apply?dry_run=true", with_schema(
    "bomb", {"type": "object", "additionalProperties": {"pattern": "^(a+)+$"}},
    {f"k{n}": "a" * 2_000 + "!" for n in range(300)}))
simple("schema-unique-items", "reload_ms_max", "POST", "/api/v1/apply?dry_run=true", with_schema(
    "bomb", {"type": "object", "properties": {"a": {"uniqueItems": True, "type": "array"}}},
    {"a": [{"n": n} for n in range(40_000)]}))
simple("regex-rules-dry-run", "compile_bytes_max", "POST", "/api/v1/apply?dry_run=true", lambda _: {"changes": [
    {"kind": "rules", "name": f"fresh/R{n}", "op": "put", "body": regex_rule(f"(a{{90}}){{90}}{n}")}
    for n in range(200)]})
simple("validate", "caller queue", "POST", "/api/v1/rules/hot-reload/validate")
simple("forced-reload", "queue_max", "POST", "/api/v1/rules/hot-reload/reload", {"force": True, "validate": False})

# What rules and patterns answer.
simple("execute-1-mb-regex", "evaluation_ms_max", "POST", "/api/v1/rulesets/regexes/execute",
       lambda _: {"data": {"text": "ab " * 330_000, "age": 5}})
simple("execute-10000-rules-explained", "answer_bytes_max", "POST", "/api/v1/rulesets/cost/execute",
       {"data": {"age": 40}, "explain": True})
simple("batch-10000-inputs", "batch_items_max", "POST", "/api/v1/rules/batch",
       lambda _: {"ruleset": "cost", "data_list": [{"age": n % 90} for n in range(10_000)]})
simple("batch-explained", "answer_bytes_max", "POST", "/api/v1/rules/batch",
       lambda _: {"ruleset": "cost", "explain": True, "data_list": [{"age": n % 90} for n in range(500)]})
simple("batch-1-mb-of-strings", "evaluation_ms_max", "POST", "/api/v1/rules/batch",
       lambda _: {"ruleset": "regexes", "data_list": [{"text": "ab c" * 500, "age": 1} for _ in range(450)]})
simple("classify-8-kb", "evaluation_ms_max", "POST", "/api/v1/patterns/classify",
       {"query": ("word1 some other words " * 400)[:8190]})
simple("normalize-8-kb", "query_bytes_max", "POST", "/api/v1/patterns/normalize",
       {"query": ("a" + "\u0301\u0316" * 30) * 60})
simple("feedback", "flush of tallies", "POST", "/api/v1/patterns/feedback",
       {"query": "where is thing 7", "feedback_type": "positive"})

# Tools, and what agents ask over MCP.
def mcp(method, **params):
    params["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                       "io.modelcontextprotocol/clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


MCP_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
               "Content-Type": "application/json"}

simple("tools-page", "page_size", "GET", "/api/v1/tools?page_size=100")
simple("tools-large-page", "answer_bytes_max", "GET", "/api/v1/tools?platform=large&page_size=100")
simple("tools-large-platform", "answer_bytes_max", "GET", "/api/v1/tools/platform/large")
simple("tools-large-search", "answer_bytes_max", "GET", "/api/v1/tools/search/query?limit=500&fields=platform&q=large")
simple("tools-search", "QUERY_TERMS_MAX", "GET",
       "/api/v1/tools/search/query?limit=100&q=" + "+".join([f"thing+{n}" for n in range(60)]))
simple("tools-export", "answer_bytes_max", "POST", "/api/v1/tools/export", "null")
simple("tools-lint", "lint_ms_max", "GET", "/api/v1/tools/lint?limit=500")
simple("tools-capabilities", "answer_bytes_max", "GET", "/api/v1/tools/capabilities/list")
simple("tools-select-among-40000", "CANDIDATES_MAX", "POST", "/api/v1/tools/select",
       {"query": "repair the network", "capabilities": ["repair"], "context": {"N": 250}})
simple("tools-select-by-query", "SEARCHED_TOOLS_MAX", "POST", "/api/v1/tools/select",
       {"query": "repair thing 7 of the network " * 200, "context": {"N": 250}})
simple("mcp-tools-list", "page_bytes_max", "POST", "/mcp", mcp("tools/list"), {**MCP_HEADERS, "Mcp-Method": "tools/list"})


# What modules are made of.
simple("blob", "answers_bytes_max", "GET", lambda data: f"/api/v1/blobs/{data.blob}")

# Views of the server itself.
simple("metrics-history", "a constant", "GET", "/api/v1/metrics/history")
simple("audit-page", "limit", "GET", "/api/v1/audit?limit=500")
simple("deliveries", "limit", "GET", "/api/v1/deliveries?limit=500")
simple("statistics", "history_max", "GET", "/api/v1/reloads/statistics")
simple("reloads-page", "limit", "GET", "/api/v1/reloads?limit=500&outcome=failed")
simple("openapi", "a constant", "GET", "/openapi.json")
simple("metrics", "a constant", "GET", "/metrics")
simple("status", "a constant", "GET", "/api/v1/status")
simple("replicas", "a constant", "GET", "/api/v1/replicas")
simple("schedules", "limit", "GET", "/api/v1/schedules?limit=500")
simple("schemas", "a constant", "GET", "/api/v1/schemas")
simple("hot-reload-health", "a constant", "GET", "/health/hot-reload")

# Input that is no input.
simple("json-deep", "recursion limit", "POST", "/api/v1/rules/execute", "[" * 500_000)
simple("json-huge-keys", "body_bytes_max", "POST", "/api/v1/rulesets/probe/execute",
       lambda _: {"data": {f"{n}" + "k" * 900: n for n in range(1_000)}})
simple("json-many-keys", "body_bytes_max", "POST", "/api/v1/rulesets/probe/execute",
       lambda _: {"data": {f"{n}": n for n in range(80_000)}})
simple("body-too-large", "body_bytes_max", "POST", "/api/v1/rules/execute", "x" * (20 << 20))
simple("webhook-bad-signature", "body_bytes_max", "POST", "/api/v1/webhooks/git", "x" * 1_000_000, {
    "webhook-id": "x", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"})
simple("unknown-token", "a comparison for each token", "GET", "/api/v1/status", None,
       {"Authorization": "Bearer mf_" + "x" * 43})
simple("many-headers", "headers_max", "GET", "/health/live", None, {f"X-{n}": "y" * 60 for n in range(95)})
simple("long-path", "uri bound of the HTTP parser", "GET", "/api/v1/documents/rules/" + "a" * 60_000)


# Writes.
@kind("patch-storm", "queue_max")
def patch(client, _):
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    return client.ask("PATCH", "/api/v1/config/patched", json.dumps({f"k{os.getpid() % 7}": time.time()}), headers)


@kind("put-1-mb", "document_bytes_max")
def put_large(client, _):
    body = array(os.getpid() + time.monotonic_ns())
    return client.ask("PUT", f"/api/v1/config/churn{os.getpid() % 16}", body)


@kind("put-text-1-mb-dry-run", "document_bytes_max")
def put_text(client, _):
    return client.ask("PUT", "/api/v1/config/text?dry_run=true", text(1))


@kind("schedule-and-cancel", "schedules_max")
def schedule(client, _):
    name = f"s{os.getpid()}"
    made = client.ask("PUT", f"/api/v1/rulesets/probe/rules/S{os.getpid()}?not_before=2099-01-01T00:00:00Z&schedule_id={name}",
                      rule(3))
    client.ask("DELETE", f"/api/v1/schedules/{name}")
    return made


# Connections that do not behave. These need no token where none is asked for.
def hold(connections, seconds=0.5):
    time.sleep(seconds)
    for connection in connections:
        connection.close()


@kind("watch-not-read", "answer_idle_ms_max")
def watch_not_read(client, data):
    """Subscribers that ask for everything since the 300 MB and read nothing."""
    request = head("GET", f"/api/v1/watch?since={data.blobs - 1}", client.token, Accept="text/event-stream")
    connections = [connect(client.port, receive_bytes=4096) for _ in range(8)]
    for connection in connections:
        connection.sendall(request)
    hold(connections)
    return Answer(200, 0)


@kind("watch-resume-from-0", "watchers_max")
def watch_from_start(client, _):
    connection = connect(client.port, timeout=5)
    connection.sendall(head("GET", "/api/v1/watch", client.token, Accept="text/event-stream", Last_Event_ID="0"))
    status, size = read_status(connection)
    deadline = time.monotonic() + 2
    try:
        while time.monotonic() < deadline and (chunk := connection.recv(1 << 20)):
            size += len(chunk)
    except TimeoutError:
        pass
    connection.close()
    return Answer(status, size)


@kind("answer-not-read", "answer_idle_ms_max")
def answer_not_read(client, data):
    """Asks for the largest answers and reads nothing of them."""
    connections = []
    for path in ("/api/v1/export", f"/api/v1/revisions/{data.restored}", "/api/v1/documents/config?limit=500"):
        connection = connect(client.port, receive_bytes=4096)
        connection.sendall(head("GET", path, client.token))
        connections.append(connection)
    hold(connections, 1)
    return Answer(200, 0)


@kind("websocket-not-read", "websocket_queue_max")
def websocket(client, _):
    connections = []
    for _ in range(20):
        connection = connect(client.port, receive_bytes=4096)
        connection.sendall(head("GET", "/ws/hot-reload", client.token, Connection="Upgrade", Upgrade="websocket",
                                Sec_WebSocket_Version="13", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA=="))
        connections.append(connection)
    status, size = read_status(connections[0])
    hold(connections)
    return Answer(status, size)


@kind("slow-bodies", "receive_ms_max")
def slow_bodies(client, _):
    connections = []
    for _ in range(50):
        connection = connect(client.port)
        connection.sendall(head("POST", "/api/v1/rules/execute", client.token, Content_Type="application/json",
                                Content_Length="1000000") + b"{" * 1000)
        connections.append(connection)
    for _ in range(5):
        time.sleep(0.1)
        for connection in connections:
            connection.sendall(b" ")
    hold(connections, 0)
    return Answer(0, 0)


@kind("slow-headers", "receive_ms_max")
def slow_headers(client, _):
    connections = [connect(client.port) for _ in range(50)]
    for connection in connections:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
    hold(connections)
    return Answer(0, 0)


def pipelined(client, request, count, seconds):
    """Sends many requests at once on one connection and reads what comes in that time."""
    connection = connect(client.port, timeout=seconds)
    size, deadline = 0, time.monotonic() + seconds
    try:
        connection.sendall(request * count)
        while time.monotonic() < deadline and (chunk := connection.recv(1 << 16)):
            size += len(chunk)
    except (TimeoutError, ConnectionError):
        pass
    connection.close()
    return Answer(200 if size else 0, size)


@kind("pipelined-live", "one request of a connection at a time")
def pipelined_live(client, _):
    return pipelined(client, head("GET", "/health/live", client.token), 2_000, 1)


@kind("pipelined-validate", "caller queue")
def pipelined_validate(client, _):
    request = head("POST", "/api/v1/rules/hot-reload/validate", client.token, Content_Length="0")
    return pipelined(client, request, 100, 2)


@kind("pipelined-diff", "diff_ms_max")
def pipelined_diff(client, data):
    first, last = data.array_revisions[0], data.array_revisions[-1]
    path = f"/api/v1/config/array/diff?revision={last}&against={first}"
    return pipelined(client, head("GET", path, client.token), 20, 2)


@kind("caller-gone", "dropped with its caller")
def caller_gone(client, _):
    """Asks for a lot, and is gone before the answer."""
    for path in ("/api/v1/export", "/api/v1/rules/hot-reload/validate"):
        method = "POST" if path.endswith("validate") else "GET"
        connection = connect(client.port)
        connection.sendall(head(method, path, client.token, Content_Length="0"))
        connection.close()
    return Answer(0, 0)


@kind("connection-churn", "connections_max")
def churn(client, _):
    for _ in range(50):
        connect(client.port).close()
    return Answer(0, 0)


@kind("idle-connections", "connections_max")
def idle(client, _):
    hold([connect(client.port) for _ in range(500)])
    return Answer(0, 0)
