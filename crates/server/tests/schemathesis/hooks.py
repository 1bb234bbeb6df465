"""Reads YAML as a text: an export is a stream of several documents, which schemathesis takes for one that is broken, and a
worker of it ends."""

import re

import schemathesis


# All types of YAML, since the first one that it knows stands for the others.
@schemathesis.deserializer("text/yaml", "text/x-yaml", "application/x-yaml", "text/vnd.yaml", "application/yaml")
def read_yaml_as_text(_context, response):
    return response.content.decode("utf-8")


# What the schema of a parameter cannot say: a cursor is that of the page before, a time is not past, a cron expression
# has a language of its own, a wait is bounded by a setting, a list is one text.
BEYOND_SCHEMAS = (
    "cursor",
    "fields",
    "not_before",
    "repeat",
    "schedule_id",
    "time_zone",
    "timeout_ms",
    "webhook",
    "window",
    "window_ms",
)
PRECONDITIONS = {"If-Match": r'\*|"r?[0-9]{1,19}"', "If-None-Match": r"\*"}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Makes valid requests valid by the rules beside their schemas too."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in BEYOND_SCHEMAS:
        case.query.pop(name, None)
    if "If-Match" in case.headers:
        case.headers.pop("If-None-Match", None)
    # The values that the phase `coverage` makes for these do not match their patterns.
    for name, pattern in PRECONDITIONS.items():
        if name in case.headers and not re.fullmatch(pattern, case.headers[name]):
            case.headers[name] = "*"
    for name, value in case.path_parameters.items():
        if isinstance(value, str):
            case.path_parameters[name] = re.sub(r"^[^a-z0-9_]|[^A-Za-z0-9._:@+/-]", "x", value)[:64]
