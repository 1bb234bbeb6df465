"""Alerts ask for metrics that there are, and their expressions are PromQL."""

import re
import unittest

import promql_parser

import charts
from each import of_every
from tools import ROOT

# What Prometheus itself knows of everything that it scrapes.
OF_PROMETHEUS = {"up"}
# The config-reloader's, as its guide lists them.
OF_RELOADER = {
    "config_reload_attempts_total", "config_reload_successes_total", "config_reload_failures_total",
    "config_reload_last_success_timestamp", "config_reload_hash_info", "config_reload_watch_errors_total",
}


def sources(crate):
    return "\n".join(path.read_text() for path in sorted((ROOT / "crates" / crate / "src").rglob("*.rs")))


def selectors(expression):
    """Every vector selector in an expression, however deep."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expression, part, None)
        if inner is not None and not isinstance(inner, str):
            yield from selectors(inner)
    for inner in getattr(expression, "args", None) or []:
        yield from selectors(inner)


def objects():
    """What the two charts render with everything on."""
    return charts.template(charts.SERVER, [charts.EVERYTHING]) + charts.template(charts.example(), [charts.WATCHED])


def rules():
    """Every alert of the charts."""
    for item in charts.of_kind(objects(), "PrometheusRule"):
        for group in item["spec"]["groups"]:
            for rule in group["rules"]:
                yield f"{rule['alert']} of {item['metadata']['name']}", rule


def asked():
    """Every selector of every alert: the metric it asks for and the labels it looks at."""
    for name, rule in rules():
        for selector in selectors(promql_parser.parse(rule["expr"])):
            yield name, selector.name, {matcher.name: matcher.value for matcher in selector.matchers.matchers}


class Alerts(unittest.TestCase):
    # Where each is registered, by its name as a string.
    OF_SERVER = set(re.findall(r'"(midflight_[a-z_]+)"', sources("http") + sources("server")))

    @of_every(asked)
    def test_every_metric_is_one_that_a_program_has(self, metric, _):
        self.assertIn(metric, self.OF_SERVER | OF_RELOADER | OF_PROMETHEUS)

    def test_the_config_reloader_has_the_metrics_that_are_said_here(self):
        text = sources("sidecar")
        for metric in OF_RELOADER:
            self.assertIn(metric, text)

    @of_every(asked)
    def test_every_expression_looks_at_this_release_only(self, _, labels):
        self.assertEqual(labels["namespace"], "rules")
        self.assertIn("job", labels)

    def test_the_job_is_what_the_operator_calls_what_is_scraped(self):
        jobs = {labels["job"] for _, _, labels in asked()}
        services = {item["metadata"]["name"] for item in charts.of_kind(objects(), "Service")}
        monitors = {f"rules/{item['metadata']['name']}" for item in charts.of_kind(objects(), "PodMonitor")}
        self.assertLessEqual(jobs, services | monitors)
        self.assertGreater(len(jobs & services), 0)
        self.assertEqual(jobs & monitors, monitors)

    @of_every(rules)
    def test_every_alert_asks_something_and_says_what_is_wrong_and_how_bad_it_is(self, rule):
        self.assertGreater(len(list(selectors(promql_parser.parse(rule["expr"])))), 0)
        self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
        self.assertTrue(rule["annotations"]["summary"].endswith("."))
        self.assertTrue(rule["annotations"]["description"].endswith("."))


if __name__ == "__main__":
    unittest.main()
