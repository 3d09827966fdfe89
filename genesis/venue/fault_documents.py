"""Faults as JSON: reading those that somebody wants, refusing what is none with a remedy. Pure."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec

from genesis.venue import connection_faults, request_faults, stream_faults, venue_acts
from genesis.venue.fault_terms import Fault
from genesis.venue.request_faults import RequestFault
from genesis.venue.stream_faults import EventFault, FrameFault

KINDS: Final[dict[str, type[Fault]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        request_faults.RequestLost,
        request_faults.RequestDelayed,
        request_faults.QueueDelayed,
        request_faults.ReplyLost,
        request_faults.ReplyDelayed,
        request_faults.ReplyDoubled,
        request_faults.ReplyGarbled,
        request_faults.ReplyMisaddressed,
        request_faults.EventFirst,
        request_faults.Answered,
        request_faults.ErrorPage,
        request_faults.RequestCut,
        request_faults.OrderHidden,
        request_faults.CancelOvertaken,
        stream_faults.EventLost,
        stream_faults.EventDelayed,
        stream_faults.EventDoubled,
        stream_faults.EventHeld,
        stream_faults.StreamSilenced,
        stream_faults.FrameLost,
        stream_faults.FrameDelayed,
        stream_faults.FrameDoubled,
        stream_faults.FrameGarbled,
        stream_faults.FrameCrossed,
        connection_faults.HandshakeRefused,
        connection_faults.ConnectionCut,
        connection_faults.ConnectionClosed,
        connection_faults.ConnectionSilenced,
        connection_faults.ConnectionDarkened,
        venue_acts.ClockStepped,
        venue_acts.SymbolHalted,
        venue_acts.SymbolDelisted,
        venue_acts.RulesChanged,
        venue_acts.PriceRangeSet,
        venue_acts.SnapshotStale,
        venue_acts.FundsMoved,
        venue_acts.KeyRevoked,
        venue_acts.AddressBanned,
        venue_acts.ServerShutdown,
        venue_acts.UserStreamsTerminated,
    )
}
"""Every kind of fault, by the name that documents give it."""

_WITH_SYMBOL: Final = (
    RequestFault,
    EventFault,
    FrameFault,
    venue_acts.SymbolHalted,
    venue_acts.SymbolDelisted,
    venue_acts.RulesChanged,
    venue_acts.PriceRangeSet,
    venue_acts.SnapshotStale,
)


class Vocabulary(NamedTuple):
    """The names that this venue knows; a fault that waits for another would wait for ever."""

    methods: Collection[str]
    symbols: Collection[str]


class FaultRefused(Exception):
    """A document describes no fault that this venue can play; the text says what to change."""


class _Named(msgspec.Struct):
    fault: str


def read_faults(document: bytes) -> list[Fault]:
    """Read one fault, or a list of them. `check_names` must follow, where the names are known.

    Raises:
        FaultRefused: The document is neither.
    """
    is_list = document.lstrip().startswith(b"[")
    try:
        members = msgspec.json.decode(document, type=list[msgspec.Raw]) if is_list else [document]
    except msgspec.DecodeError as error:
        raise FaultRefused(f"a list of faults is a JSON array: {error}") from None
    faults = []
    for position, member in enumerate(members):
        try:
            faults.append(_read_fault(member))
        except FaultRefused as refusal:
            place = f"[{position}]: " if is_list else ""
            raise FaultRefused(f"{place}{refusal}") from None
    return faults


def check_names(faults: Sequence[Fault], vocabulary: Vocabulary) -> None:
    """Check that faults wait only for what exists at a venue.

    Raises:
        FaultRefused: One would wait for ever.
    """
    for position, fault in enumerate(faults):
        place = f"[{position}]: " if len(faults) > 1 else ""
        method = fault.method if isinstance(fault, RequestFault) else ""
        if method and method not in vocabulary.methods:
            known = ", ".join(sorted(vocabulary.methods))
            raise FaultRefused(
                f"{place}{fault.kind}: no method is called '{method}'; there are {known}"
            )
        symbol = fault.symbol if isinstance(fault, _WITH_SYMBOL) else ""
        if symbol and symbol not in vocabulary.symbols:
            known = ", ".join(vocabulary.symbols)
            raise FaultRefused(f"{place}{fault.kind}: '{symbol}' is not listed; there are {known}")


def _read_fault(document: bytes | msgspec.Raw) -> Fault:
    try:
        name = msgspec.json.decode(document, type=_Named).fault
    except msgspec.DecodeError as error:
        raise FaultRefused(f"a fault is a JSON object that names its kind: {error}") from None
    kind = KINDS.get(name)
    if kind is None:
        raise FaultRefused(f"no fault is called '{name}'; there are {', '.join(KINDS)}")
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise FaultRefused(f"{name}: {error}; its fields are {fields}") from None
