"""Exchanges, queues and bindings of the code against those of the broker, as `warren topology plan` compares them.

Not here: the comparison (`warren/topology/`), retry tiers (`retry_tiers.py`), dead-letter queues.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from warren.doctor.facts import Code, Facts, Live
from warren.doctor.findings import Finding, FindingId, finding
from warren.topology.compare import BrokerSays, Difference
from warren.topology.model import DestinationKind
from warren.topology.notes import (
    AlternateMissing,
    ExternalUnbound,
    ExternalWithoutDeadLetter,
    FormerTier,
    IgnoredArgument,
    NotCompared,
    Note,
    NotInCode,
    PolicyApplies,
    TypeDiffers,
)
from warren.topology.plan import (
    CreateBinding,
    CreateExchange,
    CreateQueue,
    Plan,
    RequireExchange,
    RequireQueue,
    Step,
    plan,
)
from warren.topology.render import describe_binding, describe_difference, describe_note, describe_step

__all__ = ["check_topology"]

_APPLY = "run `warren topology apply`, or start a worker, which creates what is missing"
_ASK_OWNER = "ask its owner to create it, or leave external=True out"


def check_topology(facts: Facts) -> Iterator[Finding]:
    """Compare the code with the broker: all of it with the management API, else whether it is there."""
    if facts.code is None:
        return
    if facts.live is not None:
        yield from _compared(facts, facts.code, facts.live)
    elif facts.passive is not None:
        yield from _absent(facts, facts.code)


def _compared(facts: Facts, code: Code, live: Live) -> Iterator[Finding]:
    compared = plan(code.topology, live.actual)
    if _is_all_missing(compared, code):
        yield _nothing_there(code)
    else:
        for step in compared.missing:
            yield from _missing(step, facts, live)
    for required in compared.required:
        yield finding(FindingId.EXTERNAL_MISSING, required.name, "it is somebody else's, and not there", fix=_ASK_OWNER)
    for difference in compared.differs:
        yield _different(difference)
    for note in compared.notes:
        yield from _noted(note, facts)


def _absent(facts: Facts, code: Code) -> Iterator[Finding]:
    """Tell of what is not there, where AMQP is all there is."""
    passive = facts.passive
    if passive is None:
        return
    if code.queues and code.queues <= passive.queues:
        yield _nothing_there(code)
        return
    externals = {one.name for one in code.topology.queues if one.external}
    externals |= {one.name for one in code.topology.exchanges if one.external}
    for name in sorted(passive.exchanges):
        kind = FindingId.EXTERNAL_MISSING if name in externals else FindingId.EXCHANGE_MISSING
        yield finding(kind, name, "this exchange is not on the broker", fix=_APPLY)
    for name in sorted(passive.queues):
        if name in externals:
            yield finding(FindingId.EXTERNAL_MISSING, name, "it is somebody else's, and not there", fix=_ASK_OWNER)
        elif not (facts.is_retry_tier(name) or facts.is_dead_letter_queue(name)):
            yield finding(FindingId.QUEUE_MISSING, name, "this queue is not on the broker", fix=_APPLY)


def _is_all_missing(compared: Plan, code: Code) -> bool:
    created = {step.queue.name for step in compared.missing if isinstance(step, CreateQueue)}
    return bool(code.queues) and code.queues <= created


def _nothing_there(code: Code) -> Finding:
    return finding(
        FindingId.TOPOLOGY_NOT_APPLIED,
        code.name,
        "none of the application's queues is on the broker yet",
        fix=_APPLY,
    )


def _missing(step: Step, facts: Facts, live: Live) -> Iterator[Finding]:
    match step:
        case CreateExchange(exchange):
            yield finding(
                FindingId.EXCHANGE_MISSING,
                exchange.name,
                "this exchange is not on the broker: publishing to it fails",
                evidence=[describe_step(step)],
                fix=_APPLY,
            )
        case CreateQueue(queue):
            if not (facts.is_retry_tier(queue.name) or facts.is_dead_letter_queue(queue.name)):
                yield finding(
                    FindingId.QUEUE_MISSING,
                    queue.name,
                    "this queue is not on the broker: its messages are stored nowhere",
                    evidence=[describe_step(step)],
                    fix=_APPLY,
                )
        case CreateBinding(binding):
            if binding.destination_kind is DestinationKind.EXCHANGE or binding.destination in live.actual.queues:
                yield finding(
                    FindingId.BINDING_MISSING,
                    binding.destination,
                    "this binding is not on the broker: what it should bring does not arrive",
                    evidence=[describe_binding(binding)],
                    fix=_APPLY,
                )
        case RequireExchange() | RequireQueue():
            pass  # told of by themselves
        case _:
            assert_never(step)


def _different(difference: Difference | BrokerSays) -> Finding:
    told = describe_difference(difference)
    what, _, way_out = told.partition("; cannot be changed in place: ")
    name = difference.name if isinstance(difference, Difference) else "broker"
    fix = f"it cannot be changed in place: {way_out}"
    if not isinstance(difference, Difference) or difference.kind is DestinationKind.EXCHANGE:
        summary = "it is on the broker, but different: workers do not start"
        return finding(FindingId.EXCHANGE_DIFFERS, name, summary, evidence=[what], fix=fix)
    if difference.what == "type":
        summary = (
            f"a {difference.on_broker} queue on the broker, {difference.in_code} in the code: workers do not start"
        )
        return finding(FindingId.QUEUE_TYPE_DIFFERS, name, summary, evidence=[what], fix=fix)
    summary = f"{difference.what} differs between broker and code: workers do not start"
    return finding(FindingId.QUEUE_DIFFERS, name, summary, evidence=[what], fix=fix)


def _noted(note: Note, facts: Facts) -> Iterator[Finding]:
    told = describe_note(note)
    match note:
        case NotInCode(binding):
            fix = "if it is a former one of yours, unbind it; else leave it"
            summary = f"{describe_binding(binding)} is not in the code"
            yield finding(FindingId.BINDING_NOT_IN_CODE, binding.destination, summary, fix=fix)
        case PolicyApplies(queue, policy, _, _):
            if not (facts.is_dead_letter_queue(queue) or facts.is_retry_tier(queue)):
                fix = "nothing to do where that is meant; else exclude the queue from the policy's pattern"
                yield finding(
                    FindingId.POLICY_APPLIES, queue, f"policy {policy!r} changes this queue", evidence=[told], fix=fix
                )
        case IgnoredArgument(difference):
            fix = "make the code agree, or drain and delete it and apply"
            summary = f"the broker ignores {difference.what} of the code on what exists"
            yield finding(FindingId.ARGUMENT_IGNORED, difference.name, summary, evidence=[told], fix=fix)
        case AlternateMissing(exchange, alternate):
            fix = f"create exchange {alternate!r}, or leave alternate= out"
            summary = f"its alternate exchange {alternate!r} does not exist: what no queue wants is refused or lost"
            yield finding(FindingId.ALTERNATE_EXCHANGE_MISSING, exchange, summary, fix=fix)
        case ExternalUnbound(binding):
            fix = "ask the queue's owner to bind it"
            summary = f"{describe_binding(binding)} is missing, and the queue is external"
            yield finding(FindingId.EXTERNAL_UNBOUND, binding.destination, summary, fix=fix)
        case ExternalWithoutDeadLetter(queue, target):
            fix = f"ask its owner for a policy with dead-letter-exchange '' and dead-letter-routing-key {target!r}"
            summary = f"this external queue does not dead-letter to {target!r}: what the broker drops there is lost"
            yield finding(FindingId.EXTERNAL_LOSES, queue, summary, fix=fix)
        case TypeDiffers(_, name, on_broker, in_code):
            fix = "say in the code what it is: retries and dead letters follow from the type"
            summary = f"external, and {on_broker} on the broker; the code says {in_code}"
            yield finding(FindingId.EXTERNAL_TYPE_DIFFERS, name, summary, fix=fix)
        case FormerTier() | NotCompared():
            pass  # retry_tiers.py; and a plan over AMQP alone is not made here
        case _:
            assert_never(note)
