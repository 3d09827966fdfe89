"""Counts, limits and refusals for rate, as the venue writes them."""

import msgspec
import pytest

from genesis.exchange.binance.errors import VenueFault
from genesis.exchange.binance.rate_replies import (
    counts_from_entries,
    counts_from_headers,
    handshake_facts,
    limits_of_listing,
    reply_facts,
    retry_at_from_headers,
)
from genesis.exchange.rate_window import RateCount, RateLimit
from genesis.exchange.reply_facts import ReplyFacts, ReplyVerdict
from genesis.exchange.request_cost import LimitKind

MINUTE = 60_000
DAY = 86_400_000
NOW_MS = 1_780_000_000_000


def raw(value: object) -> msgspec.Raw:
    """Return JSON that is not read yet."""
    return msgspec.Raw(msgspec.json.encode(value))


def entry(kind: str = "ORDERS", **changes: object) -> dict[str, object]:
    """Return one element of `rateLimits`."""
    plain = {
        "rateLimitType": kind,
        "interval": "SECOND",
        "intervalNum": 10,
        "limit": 100,
        "count": 1,
    }
    return plain | changes


def fault(code: int, status: int = 400, reason: str = "why", retry_at_ms: int = 0) -> VenueFault:
    """Return an error reply."""
    return VenueFault(status=status, code=code, reason=reason, retry_at_ms=retry_at_ms)


def test_counts_of_a_reply_are_read_with_their_limits() -> None:
    """The example of section 16.1."""
    entries = raw(
        [
            entry(),
            entry(interval="DAY", intervalNum=1, limit=200_000),
            entry("REQUEST_WEIGHT", interval="MINUTE", intervalNum=1, limit=6_000, count=4),
        ]
    )

    assert counts_from_entries(entries) == (
        RateCount(LimitKind.ORDERS, 10_000, 1, 100),
        RateCount(LimitKind.ORDERS, DAY, 1, 200_000),
        RateCount(LimitKind.REQUEST_WEIGHT, MINUTE, 4, 6_000),
    )


def test_limits_of_exchange_info_are_read_and_foreign_kinds_left_out() -> None:
    """The live venue lists connections too, which no request adds to."""
    limits = [
        entry("RAW_REQUESTS", interval="MINUTE", intervalNum=5, limit=300_000),
        entry("CONNECTIONS", interval="MINUTE", intervalNum=5, limit=300),
        entry("ORDERS", interval="FORTNIGHT"),
    ]

    assert limits_of_listing(raw({"symbols": [], "rateLimits": limits})) == (
        RateLimit(LimitKind.RAW_REQUESTS, 5 * MINUTE, 300_000),
    )
    assert limits_of_listing(raw({"symbols": []})) == ()
    assert limits_of_listing(raw([])) == ()


@pytest.mark.parametrize(
    "entries",
    [
        msgspec.Raw(),
        raw(None),
        raw({"rateLimitType": "ORDERS"}),
        raw([entry(count="many")]),
        raw([entry(limit=0)]),
        raw([entry(intervalNum=0)]),
        raw([entry(intervalNum=-1)]),
    ],
)
def test_what_cannot_be_read_teaches_nothing(entries: msgspec.Raw) -> None:
    """A reply to an order is never lost over its counts."""
    assert counts_from_entries(entries) == ()


def test_a_count_below_nothing_is_none() -> None:
    """It would make room that is not there."""
    assert counts_from_entries(raw([entry(count=-5)]))[0].count == 0


def test_counts_of_rest_are_in_headers() -> None:
    """Section 8.3: a number and a letter name the window; case does not matter."""
    headers = {
        "X-MBX-USED-WEIGHT": "17",
        "x-mbx-used-weight-1m": "17",
        "X-MBX-ORDER-COUNT-10S": "3",
        "X-Mbx-Order-Count-1D": "33",
        "X-MBX-ORDER-COUNT-1H": "lots",
        "Content-Type": "application/json;charset=UTF-8",
    }

    assert counts_from_headers(headers) == (
        RateCount(LimitKind.REQUEST_WEIGHT, MINUTE, 17),
        RateCount(LimitKind.ORDERS, 10_000, 3),
        RateCount(LimitKind.ORDERS, DAY, 33),
    )


@pytest.mark.parametrize(
    ("headers", "retry_at_ms"),
    [
        ({"Retry-After": "7"}, NOW_MS + 7_000),
        ({"retry-after": "0"}, NOW_MS),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({}, 0),
    ],
)
def test_retry_after_is_seconds_from_now(headers: dict[str, str], retry_at_ms: int) -> None:
    """What says nothing is no time."""
    assert retry_at_from_headers(headers, NOW_MS) == retry_at_ms


def test_a_refused_handshake_teaches_too() -> None:
    """Who asks too much is refused a connection like anything else."""
    headers = {"Retry-After": "7", "X-MBX-USED-WEIGHT-1M": "6001"}
    facts = handshake_facts(418, headers, NOW_MS)

    assert facts.verdict is ReplyVerdict.BANNED
    assert facts.retry_at_ms == NOW_MS + 7_000
    assert facts.counts == (RateCount(LimitKind.REQUEST_WEIGHT, MINUTE, 6_001),)
    assert handshake_facts(502, {}, NOW_MS).verdict is ReplyVerdict.FAILED


def test_a_success_has_answered() -> None:
    """With its counts."""
    counts = (RateCount(LimitKind.ORDERS, 10_000, 3),)

    facts = reply_facts(200, None, counts)
    assert facts == ReplyFacts(
        verdict=ReplyVerdict.ANSWERED, has_succeeded=True, reason="status 200", counts=counts
    )


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, -1013, ReplyVerdict.ANSWERED),
        (400, -2010, ReplyVerdict.ANSWERED),
        (401, -2015, ReplyVerdict.ANSWERED),
        (429, -1003, ReplyVerdict.THROTTLED),
        (400, -1003, ReplyVerdict.THROTTLED),
        (429, -2021, ReplyVerdict.THROTTLED),
        (429, -1015, ReplyVerdict.ORDERS_THROTTLED),
        (418, -1003, ReplyVerdict.BANNED),
        (503, -1008, ReplyVerdict.FAILED),
        (400, -1008, ReplyVerdict.FAILED),
        (408, -1007, ReplyVerdict.FAILED),
        (500, -1000, ReplyVerdict.FAILED),
        (400, -1001, ReplyVerdict.FAILED),
        (400, -1006, ReplyVerdict.FAILED),
    ],
)
def test_each_refusal_says_one_thing_of_the_venue(
    status: int, code: int, verdict: ReplyVerdict
) -> None:
    """Sections 8.4 and 11: it works, it fails, or it has had enough."""
    facts = reply_facts(status, fault(code, status))

    assert facts.verdict is verdict
    assert not facts.has_succeeded
    assert facts.reason == f"{status} {code}: why"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (503, ReplyVerdict.FAILED),
        (403, ReplyVerdict.FAILED),
        (429, ReplyVerdict.THROTTLED),
        (418, ReplyVerdict.BANNED),
    ],
)
def test_a_status_alone_is_enough(status: int, verdict: ReplyVerdict) -> None:
    """A gateway in front of the venue answers in HTML, or not at all in words."""
    facts = reply_facts(status, None)

    assert facts.verdict is verdict
    assert not facts.has_succeeded


def test_a_ban_may_say_its_end_in_words_alone() -> None:
    """Section 11; `retryAfter` outweighs the words."""
    words = "Way too much request weight used; IP banned until 1780000120000. Please use ..."

    assert reply_facts(418, fault(-1003, 418, words)).retry_at_ms == 1780000120000
    assert reply_facts(418, fault(-1003, 418, words, 1780000130000)).retry_at_ms == 1780000130000
    in_us = words.replace("0000.", "0000001.")
    assert reply_facts(418, fault(-1003, 418, in_us)).retry_at_ms == 1780000120001
    assert reply_facts(418, fault(-1003, 418, "banned until Tuesday")).retry_at_ms == 0
