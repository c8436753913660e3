"""The channel, access, confirm and tx classes.

Not here: what a commit does (`model/channel.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from warren.broker.model.transaction import Transaction
from warren.broker.protocol import methods
from warren.broker.replies import not_implemented, precondition_failed

if TYPE_CHECKING:
    from warren.broker.session.channel import ChannelSession

__all__ = ["HANDLERS"]


def _close(session: ChannelSession, method: methods.ChannelClose) -> None:
    session.close_by_client()


def _flow(session: ChannelSession, method: methods.ChannelFlow) -> None:
    if not method.active:
        raise not_implemented("active=false")
    session.send(methods.ChannelFlowOk(True))


def _access(session: ChannelSession, method: methods.AccessRequest) -> None:
    session.send(methods.AccessRequestOk(1))


def _confirm(session: ChannelSession, method: methods.ConfirmSelect) -> None:
    if session.channel.transaction is not None:
        raise precondition_failed("cannot switch from tx to confirm mode")
    session.channel.select_confirms()
    if not method.nowait:
        session.send(methods.ConfirmSelectOk())


def _tx_select(session: ChannelSession, method: methods.TxSelect) -> None:
    if session.channel.confirming:
        raise precondition_failed("cannot switch from confirm to tx mode")
    if session.channel.transaction is None:
        session.channel.transaction = Transaction()
    session.send(methods.TxSelectOk())


def _tx_commit(session: ChannelSession, method: methods.TxCommit) -> None:
    _check_transactional(session)
    session.channel.commit()


def _tx_rollback(session: ChannelSession, method: methods.TxRollback) -> None:
    _check_transactional(session)
    session.channel.rollback()
    session.send(methods.TxRollbackOk())


def _check_transactional(session: ChannelSession) -> None:
    if session.channel.transaction is None:
        raise precondition_failed("channel is not transactional")


HANDLERS: Final[Mapping[type[methods.Method], Callable[..., None]]] = {
    methods.ChannelClose: _close,
    methods.ChannelFlow: _flow,
    methods.AccessRequest: _access,
    methods.ConfirmSelect: _confirm,
    methods.TxSelect: _tx_select,
    methods.TxCommit: _tx_commit,
    methods.TxRollback: _tx_rollback,
}
