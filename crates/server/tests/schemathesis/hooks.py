"""Reads YAML as a text: an export is a stream of several documents, which schemathesis takes for one that is broken, and a
worker of it ends."""

import schemathesis


# All types of YAML, since the first one that it knows stands for the others.
@schemathesis.deserializer("text/yaml", "text/x-yaml", "application/x-yaml", "text/vnd.yaml", "application/yaml")
def read_yaml_as_text(_context, response):
    return response.content.decode("utf-8")
