"""Reads YAML as a text: an export is a stream of several documents, which schemathesis takes for one that is broken, and a
worker of it ends."""

import re

import schemathesis


# All types of YAML, since the first one that it knows stands for the others.
@schemathesis.deserializer("text/yaml", "text/x-yaml", "application/x-yaml", "text/vnd.yaml", "application/yaml")
def read_yaml_as_text(_context, response):
    return response.content.decode("utf-8")


# What the schema of a parameter cannot say: a cursor is that of the page before, a cron expression has a language of its
# own, a wait is bounded by a setting.
BEYOND_SCHEMAS = ("cursor", "window", "window_ms", "time_zone", "schedule_id", "timeout_ms")


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Makes valid requests valid by the rules beside their schemas too."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in BEYOND_SCHEMAS:
        case.query.pop(name, None)
    for name, value in case.path_parameters.items():
        if isinstance(value, str):
            case.path_parameters[name] = re.sub(r"^[^a-z0-9_]|[^A-Za-z0-9._:@+/-]", "x", value)
