"""From the fate of a request to the outcome that the port promises. Pure.

A request was answered, was not written, or was written and lost. Only an answer that can be read
and that proves something is more than `Unknown` to an order, and more than `NoAnswer` to a read.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import msgspec

from genesis.errors import MalformedMessage
from genesis.exchange.binance.errors import (
    CANCEL_REFUSED,
    NO_SUCH_ORDER,
    ORDER_ARCHIVED,
    UNKNOWN_SYMBOL,
    Finality,
    VenueFault,
    contradicts_listing,
    finality_of,
    forbids_trading,
)
from genesis.exchange.binance.messages import (
    Envelope,
    decode_cancel,
    decode_list,
    decode_list_placement,
    decode_order,
    decode_placement,
)
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    ListAccepted,
    ListCancelOutcome,
    ListFound,
    ListQueryOutcome,
    ListSubmitOutcome,
    NoAnswer,
    NotFound,
    NotListed,
    NotOpen,
    NotSent,
    OrderTestOutcome,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
    Unknown,
    Valid,
)
from genesis.units import Nanos

_T = TypeVar("_T")

_OK: Final = 200


class Reply(msgspec.Struct, frozen=True):
    """The venue answered.

    `retry_at_ms` is from when on a request like this is let through again, if it was refused for
    rate, and 0 otherwise: never before the time that the reply itself names.
    """

    envelope: Envelope
    received_at: Nanos
    retry_at_ms: int = 0


class Lost(msgspec.Struct, frozen=True):
    """The request was written and no answer came."""

    reason: str


class Unwritten(msgspec.Struct, frozen=True):
    """Not one byte of the request was written.

    `retry_at_ms` is the venue time from which on it may be; 0 where nothing is known of that.
    """

    reason: str
    retry_at_ms: int = 0


Fate: TypeAlias = Reply | Lost | Unwritten


def submit_outcome(fate: Fate, client_order_id: str) -> SubmitOutcome:
    """Return what the fate of `order.place` means for the order."""
    return _placed(
        fate, lambda reply: decode_placement(_result(reply), client_order_id, reply.received_at)
    )


def submit_list_outcome(fate: Fate, list_client_order_id: str) -> ListSubmitOutcome:
    """Return what the fate of `orderList.place.oco` means for both of its legs."""
    return _placed(
        fate,
        lambda reply: decode_list_placement(
            _result(reply), list_client_order_id, reply.received_at
        ),
    )


def cancel_outcome(fate: Fate, client_order_id: str) -> CancelOutcome:
    """Return what the fate of `order.cancel` means for the order."""
    return _canceled(
        fate,
        lambda reply: Accepted(decode_cancel(_result(reply), client_order_id, reply.received_at)),
    )


def cancel_list_outcome(fate: Fate, list_client_order_id: str) -> ListCancelOutcome:
    """Return what the fate of `orderList.cancel` means for both legs."""
    return _canceled(
        fate,
        lambda reply: ListAccepted(
            decode_list(_result(reply), list_client_order_id, reply.received_at)
        ),
    )


def query_list_outcome(fate: Fate, list_client_order_id: str) -> ListQueryOutcome:
    """Return what the fate of `orderList.status` says of the list."""
    if _is_not_found(fate):
        return NotFound()
    report = read_outcome(
        fate, lambda reply: decode_list(_result(reply), list_client_order_id, reply.received_at)
    )
    return report if isinstance(report, NoAnswer) else ListFound(report)


def query_outcome(fate: Fate, client_order_id: str) -> QueryOutcome:
    """Return what the fate of `order.status` says of the order."""
    if _is_not_found(fate):
        return NotFound()
    report = read_outcome(
        fate, lambda reply: decode_order(reply.envelope.result, client_order_id, reply.received_at)
    )
    return report if isinstance(report, NoAnswer) else Found(report)


def order_test_outcome(fate: Fate) -> OrderTestOutcome:
    """Return what the fate of `order.test` says of an order. Nothing was at stake."""
    answer = read_outcome(fate, lambda _reply: Valid())
    if isinstance(answer, NoAnswer) and not answer.retryable:
        return Rejected(answer.code, answer.reason, retryable=False)
    return answer


def read_outcome(fate: Fate, decode: Callable[[Reply], _T]) -> _T | NoAnswer:
    """Return what `decode` reads from the answer, or why there is nothing to read."""
    if isinstance(fate, Unwritten):
        return NoAnswer(fate.reason, retry_at_ms=fate.retry_at_ms)
    if isinstance(fate, Lost):
        return NoAnswer(fate.reason)
    fault = _fault_of(fate)
    if fault is not None:
        retryable = finality_of(fault) is not Finality.REFUSED
        return NoAnswer(fault.reason, fault.code, retryable, fault.retry_at_ms)
    try:
        return decode(fate)
    except MalformedMessage as error:
        return NoAnswer(f"unreadable reply: {error}")


def or_not_listed(answer: _T | NoAnswer) -> _T | NotListed | NoAnswer:
    """Tell a venue that does not list a symbol from one that does not answer."""
    is_unknown = isinstance(answer, NoAnswer) and answer.code == UNKNOWN_SYMBOL
    return NotListed() if is_unknown else answer


def _placed(fate: Fate, decode: Callable[[Reply], _T]) -> _T | Rejected | NotSent | Unknown:
    """Return what `decode` reads of a placement that was taken, or why none was."""
    if isinstance(fate, Reply) and _fault_of(fate) is None:
        try:
            return decode(fate)
        except MalformedMessage as error:
            return Unknown(f"unreadable reply: {error}")
    return _failed_order_request(fate)


def _canceled(
    fate: Fate, decode: Callable[[Reply], _T]
) -> _T | NotOpen | Rejected | NotSent | Unknown:
    """Return what `decode` reads of a cancel that was done, or why it was not."""
    if isinstance(fate, Reply):
        fault = _fault_of(fate)
        if fault is not None and fault.code == CANCEL_REFUSED:
            return NotOpen(fault.reason)
    return _placed(fate, decode)


def _is_not_found(fate: Fate) -> bool:
    """Tell whether the venue knows no such thing.

    An archived order ended long ago without a fill: for the ledger, it never was.
    """
    fault = _fault_of(fate) if isinstance(fate, Reply) else None
    return fault is not None and fault.code in (NO_SUCH_ORDER, ORDER_ARCHIVED)


def _result(reply: Reply) -> msgspec.Raw:
    return reply.envelope.result


def _failed_order_request(fate: Fate) -> Rejected | NotSent | Unknown:
    if isinstance(fate, Unwritten):
        return NotSent(fate.reason, fate.retry_at_ms)
    if isinstance(fate, Lost):
        return Unknown(fate.reason)
    fault = _fault_of(fate)
    assert fault is not None, "a success is not a failure"
    finality = finality_of(fault)
    if finality is Finality.UNKNOWN:
        return Unknown(f"{fault.status} {fault.code}: {fault.reason}")
    retryable = finality is Finality.RETRYABLE
    return Rejected(
        code=fault.code,
        reason=fault.reason,
        retryable=retryable,
        retry_at_ms=fault.retry_at_ms,
        contradicts_listing=contradicts_listing(fault),
        forbids_trading=forbids_trading(fault),
    )


def _fault_of(reply: Reply) -> VenueFault | None:
    """Return the error of a reply. A status other than 200 without an error body is one too."""
    fault = reply.envelope.fault
    if fault is None and reply.envelope.status != _OK:
        fault = VenueFault(status=reply.envelope.status, code=0, reason="no error body")
    if fault is not None and reply.retry_at_ms > fault.retry_at_ms:
        return msgspec.structs.replace(fault, retry_at_ms=reply.retry_at_ms)
    return fault
