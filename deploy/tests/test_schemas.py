"""Everything that the charts render is what Kubernetes takes, in the oldest version they support and in a recent one."""

import functools
import unittest

import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as monitoring
from kubernetes_validate import utils

import charts
from each import of_every

# The schemas of a version are read once.
utils.schema_contents = functools.cache(utils.schema_contents)


def lost(given, kept, path=""):
    """What a model let fall of what it was given: fields that it does not know."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from [f"{path}.{key}"] if key not in kept else lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list):
        for at, (one, other) in enumerate(zip(given, kept)):
            yield from lost(one, other, f"{path}[{at}]")


def objects():
    """Every object of every rendering, with the version of Kubernetes."""
    for name, rendered in charts.rendered():
        for item in rendered:
            yield f"{name}, {item['kind']}", item, name.rpartition(" ")[2]


class Schemas(unittest.TestCase):
    @of_every(objects)
    def test_every_object_is_what_kubernetes_takes(self, item, version):
        if item["apiVersion"].startswith("monitoring.coreos.com/"):
            self.assert_operator_takes(item)
        else:
            self.assert_kubernetes_takes(item, version)

    def assert_kubernetes_takes(self, item, version):
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            self.fail(f"{'.'.join(map(str, error.path))}: {error.message}")

    def assert_operator_takes(self, item):
        model = getattr(monitoring, item["kind"]).model_validate(item)
        kept = model.model_dump(by_alias=True, exclude_none=True, mode="json")
        self.assertEqual(list(lost(item, kept)), [], "the Prometheus operator knows no such field")

    def test_a_field_that_does_not_exist_is_found(self):
        deployment = charts.workload(charts.template(charts.SERVER))
        deployment["spec"]["template"]["spec"]["hostNetwrok"] = True
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(deployment, charts.RECENT, strict=True)
        del deployment["spec"]["template"]["spec"]["hostNetwrok"]
        self.assertEqual(list(lost({"spec": {"a": [{"b": 1, "c": 2}]}}, {"spec": {"a": [{"b": 1}]}})), [".spec.a[0].c"])

    def test_helm_lints_the_charts(self):
        for chart, values in [(charts.SERVER, charts.EVERYTHING), (charts.SERVER, {}), (charts.example(), {})]:
            with self.subTest(chart.name):
                charts.helm("lint", "--strict", str(chart), values=[values])


if __name__ == "__main__":
    unittest.main()
