"""Values: the schema, the defaults and the README know the same ones, and what cannot work is refused with its cure."""

import json
import re
import unittest

import yaml

import charts

# Helm adds these by itself to the values of a chart that has another in it.
OF_HELM = {"global", "midflight-sidecar"}


def leaves(value, schema, path=""):
    """The paths of all that has a default, as deep as the schema looks."""
    if isinstance(value, dict) and schema.get("properties"):
        for key, inner in value.items():
            yield from leaves(inner, schema["properties"].get(key, {}), f"{path}.{key}".lstrip("."))
    else:
        yield path


def allowed(schema, path=""):
    """The paths of all that a schema allows."""
    if "properties" in schema:
        for key, inner in schema["properties"].items():
            yield from allowed(inner, f"{path}.{key}".lstrip("."))
    else:
        yield path


def parts(schema, path="values"):
    """Every schema in a schema, with its path."""
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{path}.{key}")


class Known(unittest.TestCase):
    SCHEMA = json.loads((charts.SERVER / "values.schema.json").read_text())
    VALUES = yaml.safe_load((charts.SERVER / "values.yaml").read_text())

    @classmethod
    def documented(cls):
        readme = (charts.SERVER / "README.md").read_text()
        return dict(re.findall(r"^\| `([\w.]+)` \| `(.*?)` \|", readme, re.MULTILINE))

    def test_the_schema_knows_the_keys_of_the_defaults_and_no_others(self):
        self.assertEqual(set(allowed(self.SCHEMA)) - OF_HELM, set(leaves(self.VALUES, self.SCHEMA)))

    def test_the_readme_tells_every_key_with_its_default(self):
        self.assertEqual(self.documented().keys(), set(leaves(self.VALUES, self.SCHEMA)))
        for path, shown in self.documented().items():
            value = self.VALUES
            for key in path.split("."):
                value = value[key]
            with self.subTest(path):
                self.assertEqual(json.loads(shown), value)

    def test_the_schema_refuses_what_it_does_not_know_and_describes_what_it_does(self):
        for path, schema in parts(self.SCHEMA):
            with self.subTest(path):
                if "properties" in schema:
                    self.assertIs(schema["additionalProperties"], False)
                else:
                    self.assertTrue(schema["description"].endswith("."))


class Refused(unittest.TestCase):
    def check(self, chart, values, *said):
        """Refuses the values, and says all of this."""
        refusal = charts.refusal(chart, values)
        for text in said:
            self.assertIn(text, refusal)

    def server(self, values, *said):
        self.check(charts.SERVER, values, *said)

    def app(self, values, *said):
        self.check(charts.example(), values, *said)

    def test_a_key_that_nobody_knows(self):
        self.server({"replicaCount": 3}, "replicaCount", "not allowed")
        self.server({"store": {"kinds": "sqlite"}}, "/store", "kinds", "not allowed")
        self.server({"configReloader": {"signal": "HUP"}}, "signal", "not allowed")

    def test_a_slip_in_the_values_of_a_sidecar(self):
        self.app({"configReloader": {"reloadURL": "http://a"}}, "configReloader.reloadURL is not known", "reloadUrl")
        self.app({"configReloader": {"from": {"uri": "http://a"}}}, "configReloader.from.uri is not known", "url, documents")
        self.app({"configReloader": {"image": {"name": "a"}}}, "configReloader.image.name is not known", "repository")

    def test_a_value_of_the_wrong_kind(self):
        self.server({"replicas": "three"}, "/replicas", "want integer")
        self.server({"replicas": -1}, "/replicas", "minimum")
        self.server({"store": {"kind": "mysql"}}, "/store/kind", "'sqlite', 'postgres'")
        self.server({"bus": {"kind": "kafka"}}, "/bus/kind", "'nats'")
        self.server({"runAsUser": 0}, "/runAsUser", "minimum")
        self.server({"image": {"digest": "latest"}}, "/image/digest")
        self.server({"configReloader": {"interval": 5}}, "/configReloader/interval", "want string")
        self.server({"config": {"content": {"log": {"level": "info"}}}}, "/config/content", "want string")
        self.server({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable", "minimum")

    def test_a_certificate_beside_a_sidecar_that_asks_in_plain_http(self):
        tls = {"tls": {"existingSecret": {"name": "midflight-tls"}}}
        self.server(charts.SIDECAR_ON | tls, "set configReloader.verify to none")

    def test_two_servers_on_one_sqlite_file(self):
        self.server({"replicas": 2}, "replicas is 2", "set replicas to 1, or store.kind to postgres")

    def test_postgres_without_its_secrets(self):
        self.server({"store": {"kind": "postgres"}}, "store.postgres.existingSecret.name", "postgres://")
        store = {"kind": "postgres", "postgres": {"existingSecret": {"name": "database"}}}
        self.server({"store": store}, "adminToken.existingSecret.name", "kubectl create secret generic midflight-admin")

    def test_a_bus_that_cannot_be_found_or_has_nobody_to_talk_to(self):
        self.server(charts.POSTGRES | {"bus": {"kind": "redis"}}, "bus.existingSecret.name", "redis://host:6379")
        self.server(charts.POSTGRES | {"bus": {"kind": "nats"}}, "nats://host:4222")
        self.server({"bus": {"kind": "redis"}}, "set bus.kind to auto")

    def test_a_sidecar_without_a_file(self):
        objects = charts.template(charts.SERVER, [{"configReloader": {"enabled": True}}])
        config_map, = [it for it in objects if it["kind"] == "ConfigMap" and "config.yaml" in it.get("data", {})]
        self.assertEqual(config_map["data"]["config.yaml"], "{}\n")
        names = [one["name"] for one in charts.containers(objects)]
        self.assertIn("config-reloader", names)
        self.app({"configFile": {"enabled": False}}, "set configFile.enabled to true, or configReloader.from.url")

    def test_a_sidecar_that_would_not_start_or_believe_nothing(self):
        def sidecar(values, *said):
            self.app({"configReloader": values}, *said)

        sidecar({"method": "telepathy"}, "telepathy", "http, signal, or none")
        sidecar({"reloadUrl": ""}, "needs configReloader.reloadUrl")
        sidecar({"method": "signal"}, "needs configReloader.processName")
        sidecar({"method": "signal", "processName": "app", "verify": "hash"}, "set configReloader.verify to none")
        sidecar({"method": "none"}, "configReloader.from.url")

    def test_two_sources_of_one_file(self):
        self.app({"configReloader": {"from": {"url": "http://a"}}}, "both say where the file comes from")
        values = {"configFile": {"enabled": False}, "configReloader": {"from": {"url": "http://a"}}}
        self.app(values, "needs configReloader.from.documents")


if __name__ == "__main__":
    unittest.main()
