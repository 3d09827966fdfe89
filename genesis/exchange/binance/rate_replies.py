"""What a reply says of rates: counts, limits, and whether the venue has had enough. Pure.

The WebSocket API shows counts in `rateLimits` of each reply, REST in headers (`binance-spot.md`
sections 6.1 and 8.3). What cannot be read teaches nothing: no order depends on it.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from genesis.exchange.binance.errors import (
    EXECUTION_UNKNOWN,
    OVERLOADED,
    TOO_MANY_ORDERS,
    TOO_MANY_REQUESTS,
    VenueFault,
)
from genesis.exchange.rate_limits import DAY_MS, MINUTE_MS, SECOND_MS
from genesis.exchange.rate_window import RateCount, RateLimit
from genesis.exchange.reply_facts import ReplyFacts, ReplyVerdict
from genesis.exchange.request_cost import LimitKind
from genesis.units import first_ms_from_stamp

BANNED_STATUS: Final = 418
THROTTLED_STATUS: Final = 429
_FORBIDDEN_STATUS: Final = 403
_SERVER_ERRORS_FROM: Final = 500
_FAILURES: Final = EXECUTION_UNKNOWN | {OVERLOADED}

_INTERVALS_MS: Final = {
    "SECOND": SECOND_MS,
    "MINUTE": MINUTE_MS,
    "HOUR": 60 * MINUTE_MS,
    "DAY": DAY_MS,
}
_LETTERS_MS: Final = {name[0]: length_ms for name, length_ms in _INTERVALS_MS.items()}
_KINDS: Final = {kind.value: kind for kind in LimitKind}
_COUNT_HEADER: Final = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,4})([smhd])")
_HEADER_KINDS: Final = {
    "used-weight": LimitKind.REQUEST_WEIGHT,
    "order-count": LimitKind.ORDERS,
}
_RETRY_AFTER: Final = "retry-after"
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_BANNED_UNTIL: Final = re.compile(r"banned until ([0-9]{13}|[0-9]{16})\b")


class _Entry(msgspec.Struct, rename="camel"):
    """An element of `rateLimits`, of `exchangeInfo` (without a count) or of a reply."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int = 0


class _Listing(msgspec.Struct, rename="camel"):
    """The part of `exchangeInfo` that is not about symbols."""

    rate_limits: msgspec.Raw = msgspec.Raw()


_decode_listing: Final = msgspec.json.Decoder(_Listing).decode
_decode_entries: Final = msgspec.json.Decoder(list[_Entry]).decode


def counts_from_entries(entries: msgspec.Raw) -> tuple[RateCount, ...]:
    """Read `rateLimits` of a reply of the WebSocket API; nothing, if it is absent or unreadable."""
    return tuple(
        RateCount(kind, interval_ms, max(0, entry.count), entry.limit)
        for kind, interval_ms, entry in _known(entries)
    )


def limits_of_listing(result: msgspec.Raw) -> tuple[RateLimit, ...]:
    """Read the limits that `exchangeInfo` states; kinds that no request of ours adds to left out.

    Where it cannot be read, nothing is stated.
    """
    try:
        entries = _decode_listing(result).rate_limits
    except msgspec.DecodeError:
        return ()
    return tuple(
        RateLimit(kind, interval_ms, entry.limit) for kind, interval_ms, entry in _known(entries)
    )


def counts_from_headers(headers: Mapping[str, str]) -> tuple[RateCount, ...]:
    """Read `X-MBX-USED-WEIGHT-*` and `X-MBX-ORDER-COUNT-*` of a REST reply, in any case."""
    counts = []
    for name, value in headers.items():
        match = _COUNT_HEADER.fullmatch(name.lower())
        if match is None or _NUMBER.fullmatch(value) is None:
            continue
        kind, number, letter = match.groups()
        interval_ms = int(number) * _LETTERS_MS[letter.upper()]
        counts.append(RateCount(_HEADER_KINDS[kind], interval_ms, int(value)))
    return tuple(counts)


def retry_at_from_headers(headers: Mapping[str, str], now_ms: int) -> int:
    """Return the venue time that `Retry-After` (seconds) means at `now_ms`; 0 if there is none."""
    wait = next((value for name, value in headers.items() if name.lower() == _RETRY_AFTER), "")
    return now_ms + int(wait) * SECOND_MS if _NUMBER.fullmatch(wait) else 0


def reply_facts(
    status: int, fault: VenueFault | None, counts: tuple[RateCount, ...] = ()
) -> ReplyFacts:
    """Return what a reply teaches; `fault` is None for a success."""
    verdict = _verdict_of(status, fault)
    if fault is None:
        is_success = verdict is ReplyVerdict.ANSWERED
        return ReplyFacts(
            verdict=verdict, has_succeeded=is_success, reason=f"status {status}", counts=counts
        )
    return ReplyFacts(
        verdict=verdict,
        has_succeeded=False,
        reason=f"{status} {fault.code}: {fault.reason}",
        retry_at_ms=fault.retry_at_ms or _ban_in_words(fault.reason),
        told_at_ms=fault.told_at_ms,
        counts=counts,
    )


def handshake_facts(status: int, headers: Mapping[str, str], now_ms: int) -> ReplyFacts:
    """Return what it teaches that a WebSocket's handshake was refused, at `now_ms` (venue time)."""
    facts = reply_facts(status, None, counts_from_headers(headers))
    return msgspec.structs.replace(facts, retry_at_ms=retry_at_from_headers(headers, now_ms))


def _verdict_of(status: int, fault: VenueFault | None) -> ReplyVerdict:
    code = 0 if fault is None else fault.code
    if status == BANNED_STATUS:
        return ReplyVerdict.BANNED
    if code == TOO_MANY_ORDERS:
        return ReplyVerdict.ORDERS_THROTTLED
    if code == TOO_MANY_REQUESTS or status == THROTTLED_STATUS:
        return ReplyVerdict.THROTTLED
    if status >= _SERVER_ERRORS_FROM or status == _FORBIDDEN_STATUS or code in _FAILURES:
        return ReplyVerdict.FAILED
    return ReplyVerdict.ANSWERED


def _ban_in_words(reason: str) -> int:
    match = _BANNED_UNTIL.search(reason)
    return 0 if match is None else first_ms_from_stamp(int(match[1]))


def _known(entries: msgspec.Raw) -> list[tuple[LimitKind, int, _Entry]]:
    if not entries:
        return []
    try:
        decoded = _decode_entries(entries)
    except msgspec.DecodeError:
        return []
    return [
        (_KINDS[entry.rate_limit_type], entry.interval_num * _INTERVALS_MS[entry.interval], entry)
        for entry in decoded
        if entry.rate_limit_type in _KINDS
        and entry.interval in _INTERVALS_MS
        and min(entry.interval_num, entry.limit) > 0
    ]
