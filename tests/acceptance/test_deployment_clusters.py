"""What the pages on Kubernetes and RabbitMQ show is accepted there, and leads to what Warren serves.

Not here: systemd and containers (test_deployment.py); what a reader would run (tests/test_docs.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import kubernetes_validate
import pytest

from tests.conftest import new_node
from tests.support import BrokerUnderTest, wait_until
from tests.support.broker import management_call
from tests.support.cli import cli
from tests.support.deployment import (
    PAGES,
    SUPERVISION,
    assert_is_known,
    becomes_ready_and_stops,
    commands,
    deployment,
    documented_variables,
    manifests,
    service_in,
    settings,
    shown,
    user,
)
from tests.support.markdown import fences
from warren.config import BrokerSettings

KUBERNETES = "1.33"

PORT_OPTIONS = ("--health-port", "--metrics-port")

# What KEDA 2.17's documentation lists for its trigger on RabbitMQ.
TRIGGER = {
    *(
        "host",
        "protocol",
        "mode",
        "value",
        "activationValue",
        "queueName",
        "vhostName",
        "hostFromEnv",
        "usernameFromEnv",
    ),
    *("passwordFromEnv", "unsafeSsl", "useRegex", "pageSize", "operation", "timeout", "excludeUnacknowledged"),
}

SCALED_OBJECT = {
    *("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "pollingInterval", "cooldownPeriod"),
    *("initialCooldownPeriod", "fallback", "advanced", "triggers"),
}

PERMISSIONS_OF_BILLING = ["set_permissions", "--vhost", "orders", "billing"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return service_in(tmp_path)


def test_the_command_of_the_pod_becomes_ready_and_stops(folder: Path, broker: BrokerUnderTest) -> None:
    """With `--no-apply`, after the job that creates the topology."""
    (job,) = manifests("kubernetes.md", "topology.yaml")
    done = cli(*job["spec"]["template"]["spec"]["containers"][0]["args"], cwd=folder, broker=broker.url)
    assert done.returncode == 0, done.stderr

    pod = deployment()["spec"]["template"]["spec"]
    allowed = float(pod["terminationGracePeriodSeconds"])
    becomes_ready_and_stops(pod["containers"][0]["args"], folder, broker.url, allowed=allowed)


@pytest.mark.parametrize("title", ["billing.yaml", "topology.yaml", "scaling.yaml"])
def test_manifests_fit_the_schemas_of_kubernetes(title: str) -> None:
    own = [each for each in manifests("kubernetes.md", title) if "keda" not in each["apiVersion"]]
    assert own
    for manifest in own:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_probes_ask_what_the_command_serves() -> None:
    pod = deployment()["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    arguments = container["args"]
    ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
    given = {name: arguments[arguments.index(name) + 1] for name in (*PORT_OPTIONS, "--health-host", "--metrics-host")}
    assert [ports["health"], ports["metrics"]] == [given[name] for name in PORT_OPTIONS]
    assert given["--health-host"] == given["--metrics-host"] == "0.0.0.0"
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == ports["metrics"]
    grace = float(arguments[arguments.index("--grace") + 1].removesuffix("s"))
    assert pod["spec"]["terminationGracePeriodSeconds"] > grace + SUPERVISION


def test_pods_get_the_variables_that_warren_reads_from_the_secret_that_is_there() -> None:
    secret = manifests("kubernetes.md", "billing.yaml")[0]
    (container,) = deployment()["spec"]["template"]["spec"]["containers"]
    assert {each["name"] for each in container["env"]} <= documented_variables()
    for each in container["env"]:
        if "valueFrom" in each:
            reference = each["valueFrom"]["secretKeyRef"]
            assert reference["name"] == secret["metadata"]["name"]
            assert reference["key"] in secret["stringData"]
    BrokerSettings.parse(secret["stringData"]["broker"])
    assert not secret["stringData"]["store"].startswith("sqlite")


def test_keda_scales_the_deployment_by_a_queue_that_the_application_has(folder: Path, broker: BrokerUnderTest) -> None:
    """It reads what the management API says: docs/deployment/kubernetes.md."""
    secret, authentication, scaled = manifests("kubernetes.md", "scaling.yaml")
    assert scaled["spec"].keys() <= SCALED_OBJECT
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment()["metadata"]["name"]
    (trigger,) = scaled["spec"]["triggers"]
    asked = trigger["metadata"]
    assert asked.keys() <= TRIGGER
    assert all(isinstance(value, str) for value in asked.values()), "KEDA takes text only"
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    (reference,) = authentication["spec"]["secretTargetRef"]
    assert (reference["name"], secret["stringData"][reference["key"]][:5]) == (secret["metadata"]["name"], "https")
    replicas = deployment()["spec"]["replicas"]
    assert scaled["spec"]["minReplicaCount"] <= replicas <= scaled["spec"]["maxReplicaCount"]

    cli("topology", "apply", "billing:app", cwd=folder, broker=broker.url)
    body = '{"order_id": 1, "country": "DE"}'
    assert cli("publish", "billing:app", "orders.created", body, cwd=folder, broker=broker.url).returncode == 0
    wait_until(lambda: broker.api("GET", f"queues/{{vhost}}/{asked['queueName']}").get("messages") == 1)


@pytest.mark.parametrize("version", ["rabbitmq-3.10", "rabbitmq-4.0"])
def test_rabbitmq_takes_every_setting_of_the_cluster(version: str, tmp_path: Path) -> None:
    """A node refuses to start with one that it does not know. The nodes it looks for are itself."""
    given = settings(shown("rabbitmq-cluster.md", "rabbitmq.conf"))
    nodes = [name for name in given if ".classic_config.nodes." in name]
    (operator,) = manifests("rabbitmq-cluster.md", "rabbitmq.yaml")
    shared = settings(operator["spec"]["rabbitmq"]["additionalConfig"])
    assert len(nodes) == operator["spec"]["replicas"] == 3
    assert shared.items() <= given.items()

    alone = {name: value for name, value in given.items() if name not in nodes[1:]}
    node = new_node(version, tmp_path, config={**alone, nodes[0]: "warren@localhost"})
    node.start()
    try:
        assert management_call(node.management_port, "GET", "overview")["cluster_name"] == given["cluster_name"]
    finally:
        node.kill()


def test_the_permissions_shown_are_what_a_service_needs(folder: Path, broker: BrokerUnderTest) -> None:
    (given,) = (each[4:] for each in commands("rabbitmq-cluster.md") if each[1:5] == PERMISSIONS_OF_BILLING)
    _, configure, write, read = given
    with user(broker, configure=configure, write=write, read=read) as url:
        arguments = ["run", "billing:app", "--health-port", "8080", "--metrics-port", "9464"]
        becomes_ready_and_stops(arguments, folder, url, allowed=60.0)


def test_the_policy_shown_bounds_the_queue(folder: Path, broker: BrokerUnderTest) -> None:
    (definitions,) = (
        json.loads(fence.text) for fence in fences(PAGES / "rabbitmq-cluster.md") if fence.language == "json"
    )
    (policy,) = definitions["policies"]
    assert policy["vhost"] == definitions["vhosts"][0]["name"]
    assert cli("topology", "apply", "billing:app", cwd=folder, broker=broker.url).returncode == 0
    body = {name: policy[name] for name in ("pattern", "apply-to", "priority", "definition")}
    broker.api("PUT", f"policies/{{vhost}}/{policy['name']}", body)
    wait_until(
        lambda: (
            broker.api("GET", "queues/{vhost}/billing.invoices").get("effective_policy_definition")
            == policy["definition"]
        )
    )
    assert broker.api("GET", "queues/{vhost}/billing.invoices.dead").get("effective_policy_definition") in (
        {},
        [],
        None,
    )


def test_every_command_of_rabbitmq_shown_is_one_it_has() -> None:
    own = [each for each in commands("rabbitmq-cluster.md") if each[0].startswith("rabbitmq")]
    assert own
    for program, name in {(each[0], each[1]) for each in own} | {
        ("rabbitmq-queues", "grow"),
        ("rabbitmq-queues", "shrink"),
    }:
        assert_is_known(program, name)
