"""`warren doctor [MODULE:APP]`: how broker, code and settings fit together, and what to do where they do not.

Not here: the facts and the checks (`warren/doctor/`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import SECONDS, broker_option, broker_settings, timeout_option

if TYPE_CHECKING:
    from warren.doctor.collect import Subject
    from warren.doctor.facts import ConnectionFailure
    from warren.doctor.findings import Finding

__all__ = ["doctor"]


@click.command(short_help="Check how broker, code and settings fit together.")
@click.argument("target", metavar="[MODULE:APP]", required=False)
@broker_option
@timeout_option
@click.option("--metrics", metavar="URL", multiple=True, help="Where a worker serves its metrics; may be repeated.")
@click.option(
    "--consumer-timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="The broker's consumer_timeout, which it does not tell (default: the application's setting, else 30 min).",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of a table.")
def doctor(
    target: str | None,
    broker: str | None,
    timeout: float,
    metrics: tuple[str, ...],
    consumer_timeout: float | None,
    strict: bool,
    as_json: bool,
) -> int:
    """Check how the broker, the code of MODULE:APP and the settings fit together; without it, the broker only.

    Nothing is changed on the broker. Findings are critical (messages are lost or do not flow), warnings (they will
    be, under circumstances that come) or info; docs/doctor.md explains each. The exit code is 1 where something is
    critical, 2 where the broker refuses the login, 4 where it does not answer; what needs no broker is checked anyway.
    """
    from warren.doctor.collect import collect
    from warren.doctor.examine import examine

    facts = collect(_subject(target, broker, timeout, metrics, consumer_timeout))
    findings = examine(facts)
    if as_json:
        click.echo(json.dumps(_plain(findings), ensure_ascii=False, indent=2))
    else:
        _draw(findings)
        click.echo(_counted(findings))
    if facts.failure is not None:
        return _failed(facts.failure)
    return _exit_code(findings, strict=strict)


def _failed(failure: ConnectionFailure) -> Exit:
    say(f"error: {' '.join(failure.reason.split())}")
    return Exit.CONFIGURATION if failure.is_refusal else Exit.UNAVAILABLE


def _exit_code(findings: Sequence[Finding], *, strict: bool) -> Exit:
    severities = {one.severity.value for one in findings}
    return Exit.FAILED if "critical" in severities or (strict and "warning" in severities) else Exit.OK


# -- what is examined -------------------------------------------------------------------------


def _subject(
    target: str | None, broker: str | None, timeout: float, metrics: tuple[str, ...], consumer_timeout: float | None
) -> Subject:
    from warren.doctor.collect import Subject
    from warren.signals.worker_metrics import MetricsEndpoint

    endpoints = tuple(map(MetricsEndpoint.parse, metrics))
    if target is None:
        return Subject(broker=broker_settings(broker), metrics=endpoints, timeout=timeout)
    from warren.cli.loading import load
    from warren.doctor.application import subject_of

    return subject_of(
        load(target).app,
        broker=broker_settings(broker) if broker else None,
        consumer_timeout=consumer_timeout,
        metrics=endpoints,
        timeout=timeout,
    )


# -- what is shown ------------------------------------------------------------------------------


def _plain(findings: Sequence[Finding]) -> dict[str, Any]:
    counts = Counter(one.severity.value for one in findings)
    return {
        **{severity: counts[severity] for severity in ("critical", "warning", "info")},
        "findings": [
            {
                "id": one.id.value,
                "severity": one.severity.value,
                "subject": one.subject,
                "summary": one.summary,
                "evidence": list(one.evidence),
                "fix": one.fix,
            }
            for one in findings
        ],
    }


def _counted(findings: Sequence[Finding]) -> str:
    counts = Counter(one.severity.value for one in findings)
    warnings = counts["warning"]
    return f"{counts['critical']} critical, {warnings} warning{'' if warnings == 1 else 's'}, {counts['info']} info"


def _draw(findings: Sequence[Finding]) -> None:
    """Draw a table for each severity there is."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    styles = {"critical": "bold red", "warning": "yellow", "info": "dim"}
    for severity, style in styles.items():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, show_lines=False)
        table.add_column(severity, style=style, overflow="fold", max_width=36)
        table.add_column("what, and what to do", overflow="fold")
        for one in findings:
            if one.severity.value == severity:
                told = [one.summary, *(f"· {line}" for line in one.evidence if line), f"→ {one.fix}"]
                table.add_row(Text(f"{one.id}\n{one.subject}"), Text("\n".join(told)), end_section=False)
        if table.row_count:
            console.print(table)
