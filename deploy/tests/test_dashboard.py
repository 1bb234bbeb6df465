"""The expressions of the dashboard and of the alerts for a Prometheus without an operator are PromQL.

That every metric in them exists in a running server is a test of the server (`dashboards.rs`).
"""

import json
import unittest

import promql_parser
import yaml

from each import of_every
from tools import ROOT

DASHBOARD = ROOT / "deploy/grafana/midflight.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"


def panels():
    """Every panel with a target."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel.get("targets"):
            yield panel["title"], panel


def alerts():
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule


class Dashboard(unittest.TestCase):
    @of_every(panels)
    def test_every_panel_asks_in_promql_and_says_what_it_shows(self, panel):
        for target in panel["targets"]:
            promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))
            self.assertIn('job=~"$job"', target["expr"])
        self.assertTrue(panel["description"].endswith("."))

    def test_panels_have_ids_and_places_of_their_own(self):
        all_of_them = json.loads(DASHBOARD.read_text())["panels"]
        for what in ("id", "gridPos"):
            found = [json.dumps(panel[what]) for panel in all_of_them]
            self.assertEqual(len(found), len(set(found)), what)

    @of_every(alerts)
    def test_every_alert_asks_in_promql_and_says_what_is_wrong_and_how_bad_it_is(self, rule):
        promql_parser.parse(rule["expr"])
        self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
        self.assertTrue(rule["annotations"]["summary"].endswith("."))
        self.assertTrue(rule["annotations"]["description"].endswith("."))


if __name__ == "__main__":
    unittest.main()
