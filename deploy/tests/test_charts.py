"""What must hold of everything that the charts render, whatever the values are."""

import json
import unittest

import charts
from each import of_every


def containers():
    """Every container of every rendering, with its pod."""
    for name, objects in charts.rendered():
        pod = charts.workload(objects)["spec"]["template"]["spec"]
        for container in charts.containers(objects):
            yield f"{name}, {container['name']}", pod, container


def mounted_config_maps():
    """Every mount of a ConfigMap, with the volume."""
    for name, pod, container in containers():
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if "configMap" in volumes.get(mount["name"], {}):
                yield name, volumes[mount["name"]], mount


def servers():
    """Every rendering of the server's chart."""
    for name, values in charts.SERVER_CASES.items():
        objects = charts.template(charts.SERVER, [values])
        yield name, objects, next(one for one in charts.containers(objects) if one["name"] == "midflight")


class Charts(unittest.TestCase):
    @of_every(charts.rendered)
    def test_no_probe_asks_how_a_reload_went(self, objects):
        self.assertNotIn("/health/reload", json.dumps([
            container.get(probe) for container in charts.containers(objects)
            for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        ]))

    @of_every(servers)
    def test_the_server_is_asked_whether_it_lives_and_whether_it_is_ready(self, _, server):
        has_tls = any(part.startswith("--tls-cert=") for part in server["args"])
        self.assertNotEqual(has_tls, "--plain-http" in server["args"])
        asked = {"port": "http", "scheme": "HTTPS" if has_tls else "HTTP"}
        self.assertEqual(server["livenessProbe"]["httpGet"], {"path": "/health/live", **asked})
        self.assertEqual(server["readinessProbe"]["httpGet"], {"path": "/health/ready", **asked})

    @of_every(containers)
    def test_no_container_may_do_more_than_it_must(self, pod, container):
        context = container["securityContext"]
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertIs(context["runAsNonRoot"], True)
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertNotIn("privileged", context)
        self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(forbidden, pod)

    @of_every(charts.rendered)
    def test_no_pod_holds_a_token_of_kubernetes(self, objects):
        self.assertIs(charts.workload(objects)["spec"]["template"]["spec"]["automountServiceAccountToken"], False)
        for account in charts.of_kind(objects, "ServiceAccount"):
            self.assertIs(account["automountServiceAccountToken"], False)

    @of_every(containers)
    def test_no_mount_is_a_subpath_which_never_sees_a_change(self, _, container):
        for mount in container.get("volumeMounts", []):
            self.assertNotIn("subPath", mount)
            self.assertNotIn("subPathExpr", mount)

    @of_every(mounted_config_maps)
    def test_every_config_map_is_mounted_whole_and_read_only(self, volume, mount):
        self.assertNotIn("items", volume["configMap"])
        self.assertIs(mount["readOnly"], True)

    @of_every(charts.rendered)
    def test_every_mount_has_its_volume_and_every_volume_its_mount(self, objects):
        workload = charts.workload(objects)
        spec = workload["spec"]["template"]["spec"]
        has = {volume["name"] for volume in spec.get("volumes", [])}
        has |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        used = {mount["name"] for one in charts.containers(objects) for mount in one.get("volumeMounts", [])}
        self.assertEqual(has, used)

    def test_a_change_of_the_configuration_does_not_change_the_pod(self):
        for chart, values in [(charts.SERVER, charts.EVERYTHING), (charts.example(), charts.WATCHED)]:
            key = "config" if chart == charts.SERVER else "configFile"
            pods = [
                charts.workload(charts.template(chart, [values, {key: {"content": content}}]))["spec"]["template"]
                for content in ("log:\n  level: info\n", "log:\n  level: debug\n")
            ]
            self.assertEqual(pods[0], pods[1])
            self.assertNotIn("checksum", json.dumps(pods[0]))

    def test_the_bytes_of_the_configuration_arrive_as_they_are(self):
        for content in ("a: 1\n", "a: 1", "  - indented\n", "# comment: é\na: 'b'\n\n\n", "a: |\n   b \n", "{{ .Values }}\n"):
            for chart, key, enabled in [(charts.SERVER, "config", {}), (charts.example(), "configFile", {"enabled": True})]:
                objects = charts.template(chart, [{key: enabled | {"content": content}}])
                config_map, = charts.of_kind(objects, "ConfigMap")
                self.assertEqual(config_map["data"], {"config.yaml": content})

    @of_every(charts.rendered)
    def test_everything_that_selects_pods_selects_these_and_says_so_with_labels_that_stay(self, objects):
        labels = charts.workload(objects)["spec"]["template"]["metadata"]["labels"]
        selectors = [charts.workload(objects)["spec"]["selector"]["matchLabels"]]
        selectors += [item["spec"]["selector"] for item in charts.of_kind(objects, "Service")]
        selectors += [item["spec"]["selector"]["matchLabels"] for item in charts.of_kind(objects, "PodMonitor", "PodDisruptionBudget")]
        selectors += [item["spec"]["podSelector"]["matchLabels"] for item in charts.of_kind(objects, "NetworkPolicy")]
        for selector in selectors:
            self.assertLessEqual(selector.items(), labels.items())
            self.assertNotIn("app.kubernetes.io/version", selector)
        for monitor in charts.of_kind(objects, "ServiceMonitor"):
            service, = charts.of_kind(objects, "Service")
            self.assertLessEqual(monitor["spec"]["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())

    @of_every(charts.rendered)
    def test_every_port_that_is_called_by_name_is_there(self, objects):
        has = {port["name"] for container in charts.containers(objects) for port in container["ports"]}
        called = {port["targetPort"] for item in charts.of_kind(objects, "Service") for port in item["spec"]["ports"]}
        for item in charts.of_kind(objects, "PodMonitor"):
            called |= {endpoint["port"] for endpoint in item["spec"]["podMetricsEndpoints"]}
        for item in charts.of_kind(objects, "NetworkPolicy"):
            called |= {port["port"] for rule in item["spec"]["ingress"] for port in rule["ports"]}
        for container in charts.containers(objects):
            called |= {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")}
        self.assertLessEqual(called, has)

    @of_every(charts.rendered)
    def test_everything_has_the_recommended_labels_and_the_namespace_of_the_release(self, objects):
        for item in objects:
            labels = item["metadata"]["labels"]
            for label in ("name", "instance", "version", "managed-by"):
                self.assertIn(f"app.kubernetes.io/{label}", labels)
            self.assertIn("helm.sh/chart", labels)
            self.assertEqual(item["metadata"]["namespace"], "rules")

    @of_every(charts.rendered)
    def test_nothing_is_made_twice(self, objects):
        names = [(item["kind"], item["metadata"]["name"]) for item in objects]
        self.assertEqual(len(names), len(set(names)))


class Server(unittest.TestCase):
    """What the server's chart does with its values."""

    def server(self, values, version=charts.RECENT):
        objects = charts.template(charts.SERVER, [values], version)
        found, = [one for one in charts.containers(objects) if one["name"] == "midflight"]
        return objects, found

    def test_sqlite_is_one_pod_with_a_volume_and_postgres_as_many_as_wanted(self):
        objects, server = self.server({})
        workload = charts.workload(objects)
        self.assertEqual((workload["kind"], workload["spec"]["replicas"]), ("StatefulSet", 1))
        self.assertEqual(workload["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data")
        self.assertIn("--admin-token-file=/data/admin-token", server["args"])

        objects, server = self.server(charts.POSTGRES)
        workload = charts.workload(objects)
        self.assertEqual((workload["kind"], workload["spec"]["replicas"]), ("Deployment", 3))
        self.assertEqual(workload["spec"]["strategy"]["rollingUpdate"], {"maxUnavailable": 0, "maxSurge": 1})
        self.assertIn("--admin-token-file=/etc/midflight-admin/token", server["args"])
        self.assertIn("--replace-admin-token", server["args"])

    def test_addresses_with_passwords_come_from_secrets_and_are_no_flags(self):
        _, server = self.server(charts.EVERYTHING)
        variables = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef") for one in server["env"]}
        self.assertEqual(variables["MIDFLIGHT_STORE"], {"name": "midflight-database", "key": "url"})
        self.assertEqual(variables["MIDFLIGHT_BUS"], {"name": "midflight-bus", "key": "url"})
        self.assertEqual([flag for flag in server["args"] if flag.startswith(("--store", "--bus"))], [])

    def test_a_stop_is_given_the_time_it_takes(self):
        for values in ({}, {"drainSeconds": 300, "preStopSleepSeconds": 60}, {"preStopSleepSeconds": 0}):
            objects, server = self.server(values)
            grace = charts.workload(objects)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            drain_ms, = [int(flag.partition("=")[2]) for flag in server["args"] if flag.startswith("--drain-ms-max=")]
            sleep = server.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            self.assertGreater(grace * 1000, drain_ms + sleep * 1000)
            self.assertEqual(sleep, values.get("preStopSleepSeconds", 5))

    @of_every(servers)
    def test_a_disruption_budget_never_keeps_a_node_from_being_drained(self, objects, _):
        replicas = charts.workload(objects)["spec"]["replicas"]
        budgets = charts.of_kind(objects, "PodDisruptionBudget")
        self.assertEqual(len(budgets), 1 if replicas > 1 else 0)
        for budget in budgets:
            self.assertNotIn("minAvailable", budget["spec"])
            self.assertNotIn(budget["spec"]["maxUnavailable"], (0, "0%"))

    def test_a_policy_lets_through_what_is_needed_and_no_more(self):
        objects, _ = self.server(charts.EVERYTHING)
        policy, = charts.of_kind(objects, "NetworkPolicy")
        self.assertEqual(policy["spec"]["policyTypes"], ["Ingress", "Egress"])
        ports = sorted(port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"])
        self.assertEqual(ports, [53, 53, 443, 4222, 5432])
        for rule in policy["spec"]["ingress"]:
            self.assertEqual(rule["from"], [charts.PEER])
        objects, _ = self.server({"networkPolicy": {"enabled": True}})
        policy, = charts.of_kind(objects, "NetworkPolicy")
        self.assertEqual([port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]], [53, 53])

    def test_nothing_of_the_operator_is_made_unless_it_is_asked_for(self):
        objects, _ = self.server(charts.POSTGRES | charts.SIDECAR_ON)
        self.assertEqual(charts.of_kind(objects, "ServiceMonitor", "PodMonitor", "PrometheusRule"), [])

    def test_the_configuration_is_passed_as_a_file_of_a_folder(self):
        objects, server = self.server({"config": {"content": "a: 1\n"}})
        self.assertIn("--config=/etc/midflight/config.yaml", server["args"])
        self.assertIn({"name": "config", "mountPath": "/etc/midflight", "readOnly": True}, server["volumeMounts"])
        objects, server = self.server({})
        self.assertEqual([flag for flag in server["args"] if "config" in flag], [])
        self.assertEqual(charts.of_kind(objects, "ConfigMap"), [])


if __name__ == "__main__":
    unittest.main()
