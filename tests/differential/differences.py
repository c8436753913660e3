"""The known differences between RabbitMQ 4.0.5, the reference, and other brokers, each with its reason.

Not here: what exactly differs, line by line: known/ has that for every scenario listed here, and nothing else. A
difference that is listed and not observed fails the tests just as one that is observed and not listed.

`python -m tests.differential --record` writes known/ anew, to be read before it is committed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DIFFERENCES", "RULES", "Difference", "Rule", "known", "listed"]

_KNOWN = Path(__file__).parent / "known"


@dataclass(frozen=True, slots=True)
class Rule:
    """A difference found all over: where the reference observes `pattern`, the broker observes `replacement`."""

    broker: str
    reason: str
    pattern: str
    replacement: str

    def expected(self, line: str) -> str:
        return re.sub(self.pattern, self.replacement, line)


@dataclass(frozen=True, slots=True)
class Difference:
    """Scenarios in which a broker differs, given by the beginnings of their names."""

    broker: str
    reason: str
    scenarios: tuple[str, ...]

    def concerns(self, scenario: str) -> bool:
        return f"{scenario} (".startswith(self.scenarios)


_ANONYMOUS = (r"mechanisms='AMQPLAIN ANONYMOUS PLAIN'", "mechanisms='AMQPLAIN PLAIN'")

RULES: tuple[Rule, ...] = (
    Rule("rabbitmq-3.10", "the mechanism ANONYMOUS came with 4.0", *_ANONYMOUS),
    Rule("embedded", "the mechanism ANONYMOUS is off unless asked for", *_ANONYMOUS),
    Rule(
        "rabbitmq-3.10",
        "the headers of the last death came with 3.13",
        r"(, )?'?x-last-death-(exchange|queue|reason)'?: S:'[^']*'",
        "",
    ),
    Rule(
        "rabbitmq-3.10",
        "a refusal says only since 3.12 which permission is missing",
        r"(configure|read|write) access to (queue|exchange)",
        r"access to \2",
    ),
)

DIFFERENCES: tuple[Difference, ...] = (
    # -- RabbitMQ 3.10.8 ------------------------------------------------------------------
    Difference(
        "rabbitmq-3.10",
        "AMQP 1.0 is a plugin; in 4.0 it is built in, and a wrong header is answered with its header",
        ("another protocol header is answered with the right one",),
    ),
    Difference(
        "rabbitmq-3.10",
        "an unknown type of exchange ends the connection with 503; since 4.0 the channel with 406",
        ("an exchange of another type", "another type for an existing", "an error of an exchange leaves no trace"),
    ),
    Difference(
        "rabbitmq-3.10",
        "queues are looked up by name at the commit, and one that is gone does not fail it; since 4.0 it does",
        ("a queue that is gone at the commit fails it",),
    ),
    Difference(
        "rabbitmq-3.10",
        "deaths a client made up are honoured; since 4.0 only those the broker noted itself",
        ("headers a client made up", "a republished message brings its deaths"),
    ),
    Difference(
        "rabbitmq-3.10",
        "deaths of the same count keep an order of their own; since 4.0 the most recent comes first",
        ("three queues in a row", "the same queue for two reasons"),
    ),
    Difference(
        "rabbitmq-3.10", "a given dead-letter key drops CC, which stays in 4.0", ("a given routing key replaces",)
    ),
    Difference("rabbitmq-3.10", "policies for one type of queue came with 3.12", ("a policy for quorum queues",)),
    Difference(
        "rabbitmq-3.10",
        "a delivery mode other than 1 and 2 is refused; not so in 4.0",
        ("odd properties come through",),
    ),
    Difference("rabbitmq-3.10", "the expiration is kept as it was written", ("the expiration is checked (+50000)",)),
    Difference(
        "rabbitmq-3.10",
        "x-queue-master-locator belongs to mirrored queues, which are gone in 4.0",
        ("a text is checked (x-queue-master-locator",),
    ),
    Difference(
        "rabbitmq-3.10",
        "a classic queue does not know x-queue-leader-locator yet",
        ("an argument of another queue type (x-queue-leader-locator)",),
    ),
    Difference(
        "rabbitmq-3.10",
        "numbers in headers are equal if their values are; since 4.0 an integer is no float",
        ("a headers binding",),
    ),
    Difference(
        "rabbitmq-3.10",
        "a queue declared without a type has none; since 3.12 it has the default type",
        ("a quorum queue declared as classic",),
    ),
    Difference(
        "rabbitmq-3.10",
        "x-delivery-count is 0 at the first delivery; since 4.0 it is not there before the second",
        (
            "a quorum queue (",
            "deliveries are counted",
            "a limit of deliveries",
            "a closed channel counts as well",
            "recovering counts as well",
            "requeued messages go to the back once they were limited",
            "a quorum queue dead letters",
            "a transient message in a quorum queue",
        ),
    ),
    Difference(
        "rabbitmq-3.10",
        "messages of a quorum queue are requeued to its end, and count as delivered from 0",
        ("requeued messages of a quorum queue by default",),
    ),
    Difference(
        "rabbitmq-3.10", "there is no limit of deliveries unless one is asked for", ("the limit of deliveries is 20",)
    ),
    Difference("rabbitmq-3.10", "quorum queues have no priorities before 4.0", ("priorities in a quorum queue",)),
    Difference(
        "rabbitmq-3.10",
        "a dead letter is counted from 0; in 4.0 its first delivery shows the count of the queue it comes from",
        (
            "a retry loop through a quorum queue",
            "a count of deliveries follows a dead letter",
            "a dead letter may be delivered as often as any other",
        ),
    ),
    # -- the embedded broker --------------------------------------------------------------
    Difference(
        "embedded",
        "there is no AMQP 1.0, whose header RabbitMQ 4.0 answers with",
        ("another protocol header is answered with the right one",),
    ),
    Difference(
        "embedded",
        "it hangs up once the connection is closed; RabbitMQ waits for the client to do so",
        ("the connection is closed twice",),
    ),
    Difference(
        "embedded",
        "two types are built in that are plugins of RabbitMQ, and the local random one is missing on a single node",
        (
            "an exchange of another type (x-consistent-hash)",
            "an exchange of another type (x-delayed-message)",
            "an exchange of another type (x-local-random)",
        ),
    ),
    Difference("embedded", "streams are refused", ("a stream",)),
    Difference("embedded", "a refusal shows a table in another notation", ("x match is checked ({})",)),
    Difference(
        "embedded",
        "an address that was never given out is no route; RabbitMQ's channel breaks down over it",
        ("an answer to an address that is none (amq.rabbitmq.reply-to.g2dk.abc)",),
    ),
    Difference("embedded", "the expiration is kept as it was written", ("the expiration is checked (+50000)",)),
)


def listed(broker: str, scenario: str) -> Iterator[Difference]:
    """Return the entries of the table that concern a scenario."""
    return (entry for entry in DIFFERENCES if entry.broker == broker and entry.concerns(scenario))


@functools.cache
def known(broker: str) -> Mapping[str, tuple[str, ...]]:
    """Return by scenario what differs on a broker: `- line` only on the reference, `+ line` only on the broker."""
    found: dict[str, list[str]] = {}
    for path in sorted((_KNOWN / broker).glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("## "):
                changes = found.setdefault(line.removeprefix("## "), [])
            elif line:
                changes.append(line)
    return {scenario: tuple(changes) for scenario, changes in found.items()}


def record(broker: str, changes: Mapping[str, tuple[str, ...]], subjects: Mapping[str, str]) -> None:
    """Write what differs on a broker, one file a subject."""
    folder = _KNOWN / broker
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.txt"):
        path.unlink()
    for subject in sorted({subjects[scenario] for scenario in changes}):
        blocks = ["\n".join((f"## {name}", *found)) for name, found in changes.items() if subjects[name] == subject]
        (folder / f"{subject}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
