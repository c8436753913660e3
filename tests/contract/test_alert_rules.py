"""The shipped alert rules and dashboard, as Prometheus reads them: promtool checks, provokes and leaves in peace.

Not here: that the metrics come out of real workers and exporters (tests/acceptance).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.markdown import ROOT, sections
from tests.support.metrics import documented_metrics
from warren.observability.shipped import shipped_alerts, shipped_dashboard
from warren.signals.findings import FindingId

METRICS = {**documented_metrics("Workers"), **documented_metrics("Exporter")}
OF_THE_SCRAPE = {"instance", "job"}

Firing = set[tuple[str, str]]


def promtool(program: Path, *arguments: str) -> None:
    command = [str(program.with_name("promtool")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.yml"
    path.write_text(shipped_alerts())
    return path


def test_the_rules_are_valid(prometheus_program: Path, rules: Path) -> None:
    promtool(prometheus_program, "check", "rules", str(rules))


# -- each fires, and only where it should ----------------------------------------------------

HEALTHY = {
    'up{job="warren-workers",instance="w:9464"}': "1+0x60",
    'up{job="warren-exporter",instance="e:9419"}': "1+0x60",
    "warren_broker_up": "1+0x60",
    "warren_exporter_last_sample_timestamp_seconds": "0+60x60",  # a minute a minute
    'warren_subscribed{queue="q",consumer="q"}': "2+0x60",
    'warren_oldest_in_flight_seconds{queue="q",consumer="q"}': "3+0x60",
    'warren_clock_skew_seconds{queue="q",consumer="q"}': "0.1+0x60",
    "warren_worker_restarts_total": "2+0x60",
    'warren_queue_ready{queue="q",virtual_host="/"}': "10+0x60",
}


def finding(name: str, severity: str, values: str = "1+0x60", queue: str = "q") -> dict[str, str]:
    return {f'warren_finding{{finding="{name}",queue="{queue}",severity="{severity}",virtual_host="/"}}': values}


# What is provoked, and which alerts fire at which minute.
PROVOKED: dict[str, tuple[Mapping[str, str], Mapping[int, Firing]]] = {
    "nothing": ({}, {1: set(), 30: set()}),
    "poison, critical": (
        finding("poison", "critical"),
        {
            4: set(),
            6: {("WarrenPoison", "critical")},
            11: {("WarrenPoison", "critical"), ("WarrenPoison", "warning")},
        },
    ),
    "poison, warning": (finding("poison", "warning"), {9: set(), 11: {("WarrenPoison", "warning")}}),
    "poison that becomes worse": (
        {**finding("poison", "warning", "1+0x8 _x52"), **finding("poison", "critical", "_x9 1+0x50")},
        {11: {("WarrenPoison", "warning")}, 15: {("WarrenPoison", "critical"), ("WarrenPoison", "warning")}},
    ),
    "stalled, critical": (
        finding("stalled", "critical"),
        {4: set(), 6: {("WarrenStalled", "critical"), ("WarrenStalled", "warning")}},
    ),
    "stalled, warning": (finding("stalled", "warning"), {4: set(), 6: {("WarrenStalled", "warning")}}),
    "no consumers": (finding("no_consumers", "critical"), {0: set(), 2: {("WarrenNoConsumers", "critical")}}),
    "falling behind": (finding("falling_behind", "warning"), {9: set(), 11: {("WarrenFallingBehind", "warning")}}),
    "retry storm, critical": (
        finding("retry_storm", "critical"),
        {4: set(), 6: {("WarrenRetryStorm", "critical"), ("WarrenRetryStorm", "warning")}},
    ),
    "retry storm, warning": (finding("retry_storm", "warning"), {4: set(), 6: {("WarrenRetryStorm", "warning")}}),
    "dead letters, once": (
        finding("dead_letters_growing", "warning", "_x5 1 _x54"),
        {4: set(), 6: {("WarrenDeadLettersGrowing", "warning")}, 16: set()},
    ),
    "dead letters lost": (
        finding("dead_letters_lost", "critical", "1 _x59", queue=""),
        {1: {("WarrenDeadLettersLost", "critical")}, 11: set()},
    ),
    "dead letters stuck": (
        finding("dead_letters_lost", "warning"),
        {4: set(), 6: {("WarrenDeadLettersLost", "warning")}},
    ),
    "blocked": (finding("blocked", "critical", queue=""), {0: set(), 2: {("WarrenBlocked", "critical")}}),
    "timeout risk": (
        {'warren_oldest_in_flight_seconds{queue="q",consumer="q"}': "0+60x60"},
        {15: set(), 18: {("WarrenTimeoutRisk", "warning")}},
    ),
    "clock skew": (
        {'warren_clock_skew_seconds{queue="q",consumer="q"}': "12+0x60"},
        {0: set(), 2: {("WarrenClockSkew", "warning")}},
    ),
    "not subscribed": (
        {'warren_subscribed{queue="q",consumer="q"}': "2 0+0x59"},
        {2: set(), 4: {("WarrenWorkerNotSubscribed", "critical")}},
    ),
    "restarting": (
        {"warren_worker_restarts_total": "0+1x60"},
        {2: set(), 20: {("WarrenWorkersRestarting", "warning")}},
    ),
    "broker down": ({"warren_broker_up": "1 0+0x59"}, {1: set(), 3: {("WarrenBrokerDown", "critical")}}),
    "worker down": (
        {'up{job="warren-workers",instance="w:9464"}': "1 0+0x59"},
        {2: set(), 4: {("WarrenWorkerDown", "critical")}},
    ),
    "exporter down": (
        {'up{job="warren-exporter",instance="e:9419"}': "1 0+0x59"},
        {5: set(), 7: {("WarrenExporterDown", "critical")}},
    ),
    "no exporter": (
        {'up{job="warren-exporter",instance="e:9419"}': "_x60"},
        {4: set(), 6: {("WarrenExporterDown", "critical")}},
    ),
    "exporter stale": (
        {"warren_exporter_last_sample_timestamp_seconds": "0+60x5 300+0x55"},
        {6: set(), 10: {("WarrenExporterStale", "warning")}},
    ),
}


def fires(series: Mapping[str, str], minutes: Mapping[int, Firing]) -> dict[str, Any]:
    """One test of promtool's; its files are YAML, of which JSON is a part."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in {**HEALTHY, **series}.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}",severity="{severity}"}}', "value": 1}
                    for name, severity in sorted(firing)
                ],
            }
            for minute, firing in minutes.items()
        ],
    }


@pytest.mark.parametrize("case", PROVOKED)
def test_what_is_provoked_fires_in_its_time_and_nothing_else_does(
    case: str, prometheus_program: Path, rules: Path, tmp_path: Path
) -> None:
    test = tmp_path / "test.yml"
    test.write_text(
        json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [fires(*PROVOKED[case])]})
    )
    promtool(prometheus_program, "test", "rules", str(test))


def alerts() -> Firing:
    found = re.findall(r"- alert: (\w+)$.*?severity: (\w+)$", shipped_alerts(), flags=re.M | re.S)
    assert len(found) == shipped_alerts().count("- alert:")
    return set(found)


def test_every_alert_is_provoked_above() -> None:
    assert set().union(*(firing for _, minutes in PROVOKED.values() for firing in minutes.values())) == alerts()


def test_every_finding_has_an_alert() -> None:
    names = {"Warren" + name.title().replace("_", "") for name in FindingId}
    assert names <= {name for name, _ in alerts()}


def test_every_alert_has_a_runbook_that_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    runbooks = sections(ROOT / "docs" / "alerts.md", level=2)
    assert set(runbooks) == {name for name, _ in alerts()}
    for name, text in runbooks.items():
        for part in ("**It means** ", "**Look first at** ", "**Do** "):
            assert part in text, f"the runbook of {name} has no {part}"
    linked = re.findall(r"- alert: (\w+)$.*?runbook_url: docs/alerts\.md#(\w+)$", shipped_alerts(), flags=re.M | re.S)
    assert {anchor for _, anchor in linked} == {name.lower() for name in runbooks}
    assert all(anchor == name.lower() for name, anchor in linked)


# -- the queries of rules and dashboard ------------------------------------------------------


def panels() -> Iterable[dict[str, Any]]:
    return (panel for panel in json.loads(shipped_dashboard())["panels"] if panel["type"] != "row")


def dashboard_queries() -> list[tuple[str, str]]:
    """Every query with its legend, the dashboard's variables filled in."""
    return [
        (target["expr"].replace("$queue", ".*").replace("$__rate_interval", "5m"), target["legendFormat"])
        for panel in panels()
        for target in panel["targets"]
    ]


def alert_queries() -> list[str]:
    return [line.partition("expr: ")[2].strip("'") for line in shipped_alerts().splitlines() if "expr: " in line]


def known(metric: str) -> tuple[str, frozenset[str]]:
    """Type and labels of a metric by the name of one of its series."""
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    if metric not in METRICS and METRICS.get(base, ("",))[0] == "histogram":
        kind, labels = METRICS[base]
        return kind, labels | ({"le"} if metric.endswith("_bucket") else set())
    assert metric in METRICS, f"there is no {metric}"
    return METRICS[metric]


def check(query: str) -> set[str]:
    """Check the metrics and labels of a query; return the labels its result may have."""
    usable = set(OF_THE_SCRAPE)
    metrics = re.findall(r"\b(warren_\w+|up)\b(?:\{([^}]*)\})?", query)
    assert metrics, f"{query}: no metric"
    for name, matchers in metrics:
        labels = (set() if name == "up" else set(known(name)[1])) | OF_THE_SCRAPE
        for label in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers):
            assert label in labels, f"{query}: {name} has no label {label}"
        usable |= labels
    for grouping in re.findall(r"\b(?:by|without) \(([^)]*)\)", query):
        for label in map(str.strip, grouping.split(",")):
            assert label in usable, f"{query}: nothing has the label {label}"
    kept = re.findall(r"\bby \(([^)]*)\)", query)
    return usable if not kept else {label.strip() for grouping in kept for label in grouping.split(",")}


def test_every_query_names_existing_metrics_and_labels() -> None:
    for query in alert_queries():
        check(query)
    for query, legend in dashboard_queries():
        shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
        assert shown <= check(query), f"{query} has no {shown}"


def test_a_query_of_a_metric_or_label_that_does_not_exist_is_found() -> None:
    for query in ("warren_queue_dept", 'warren_queue_depth{que="q"}', "sum by (consumer) (warren_queue_depth)"):
        with pytest.raises(AssertionError):
            check(query)


def test_every_query_of_the_dashboard_is_valid(prometheus_program: Path, tmp_path: Path) -> None:
    recorded = [{"record": f"query:{number}", "expr": query} for number, (query, _) in enumerate(dashboard_queries())]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    promtool(prometheus_program, "check", "rules", str(path))


def test_every_metric_has_its_place_on_the_dashboard() -> None:
    text = " ".join(query for query, _ in dashboard_queries())
    missing = {name for name in METRICS if not re.search(rf"\b{name}(_bucket)?\b", text)}
    assert not missing


def test_the_panels_of_the_dashboard_do_not_overlap_and_are_told_apart() -> None:
    every = json.loads(shipped_dashboard())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    cells = [
        (column, line)
        for panel in every
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24
