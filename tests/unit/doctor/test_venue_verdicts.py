"""Verdicts on the way to the venue, its clock, limits and symbols, and the account."""

import msgspec
import pytest

from genesis.config import Settings
from genesis.doctor.report import Check
from genesis.doctor.venue_facts import (
    AccountFacts,
    ClockFacts,
    EndpointFacts,
    ListingFacts,
    Step,
    Unknown,
    VenueFacts,
)
from genesis.doctor.venue_verdicts import judge_venue
from genesis.exchange.gateway import Account, Balance
from genesis.exchange.rate_limits import RateUsage
from genesis.exchange.request_cost import LimitKind
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.builders import NOW, btc

MS = NANOS_PER_MS
CAPITAL = 700 * SCALE
SETTINGS = Settings.model_validate({"mode": "testnet", "capital_quote": "700"})
ENDPOINT = EndpointFacts(
    name="REST",
    url="https://venue/api/v3",
    addresses=2,
    connected_in=30 * MS,
    encryption="TLSv1.3",
    certificate_days=60,
    round_trip=249 * MS,
)
ACCOUNT = Account(
    balances=(Balance("BTC", SCALE, 0), Balance("USDT", CAPITAL, SCALE)),
    can_trade=True,
    account_id=7,
    updated_at=NOW,
    received_at=NOW,
)
FACTS = VenueFacts(
    endpoints=(ENDPOINT,),
    clock=ClockFacts(offset=499 * MS, round_trip=30 * MS),
    rates=(
        RateUsage(LimitKind.REQUEST_WEIGHT, 60_000, 2_999, 6_000),
        RateUsage(LimitKind.ORDERS, 10_000, 0, 100),
        RateUsage(LimitKind.ORDERS, 86_400_000, 0, 200_000),
    ),
    listing=ListingFacts(instruments=(btc(),)),
    account=AccountFacts(account=ACCOUNT, lock_holder="", has_books=False),
    key=None,
    now_ms=NOW // MS,
)


def judge(**facts: object) -> dict[str, Check]:
    """Return every check, by name, with some facts changed."""
    changed = msgspec.structs.replace(FACTS, **facts)
    return {check.name: check for check in judge_venue(changed, SETTINGS)}


def account(**changes: object) -> AccountFacts:
    facts = AccountFacts(account=ACCOUNT, lock_holder="", has_books=False)
    return msgspec.structs.replace(facts, **changes)


def usage(kind: LimitKind, interval_ms: int, used: int, limit: int) -> tuple[RateUsage, ...]:
    return (RateUsage(kind, interval_ms, used, limit),)


def with_status(status: str) -> ListingFacts:
    return ListingFacts(instruments=(msgspec.structs.replace(btc(), status=status),))


def test_a_venue_at_its_bounds_is_fit() -> None:
    """Every check says what it saw; what a mode has not is said, too."""
    checks = judge()
    assert {check.result.value for check in checks.values()} == {"ok"}
    assert "TLSv1.3, certificate good for 60 days" in checks["REST"].seen
    assert "mode testnet has no /sapi" in checks["key permissions"].seen
    assert "request_weight 2999 of 6000 in 60 s" in checks["rate limits"].seen


@pytest.mark.parametrize("step", list(Step))
def test_an_endpoint_out_of_reach_fails_with_how_far_one_came(step: Step) -> None:
    """A new start may find it back (70); each step has a remedy of its own."""
    endpoint = msgspec.structs.replace(ENDPOINT, failed_at=step, fault="it is gone")
    check = judge(endpoints=(endpoint,))["REST"]
    assert (check.result, check.exit_code) == ("fail", 70)
    assert check.seen == "https://venue/api/v3: it is gone"
    assert check.remedy


def test_a_long_way_is_worth_a_warning() -> None:
    """Every order goes it."""
    slow = msgspec.structs.replace(ENDPOINT, round_trip=250 * MS, encryption="")
    check = judge(endpoints=(slow,))["REST"]
    assert check.result == "warn"
    assert "not encrypted, within this machine" in check.seen


@pytest.mark.parametrize(
    ("offset_ms", "result"),
    [(499, "ok"), (500, "warn"), (-500, "warn"), (999, "warn"), (1_000, "fail"), (-1_000, "fail")],
)
def test_a_clock_that_is_off_is_told_on_which_side(offset_ms: int, result: str) -> None:
    """Half a second is worth a look, a second must be set right first."""
    check = judge(clock=ClockFacts(offset=offset_ms * MS, round_trip=20 * MS))["venue clock"]
    assert check.result == result
    side = "behind" if offset_ms > 0 else "ahead"
    assert check.seen == f"ours is {abs(offset_ms)}.0 ms {side}, within 10.0 ms"


def test_a_venue_that_tells_nothing_is_not_traded_on() -> None:
    """Each thing that is not known fails, but may be known at the next start."""
    silence = Unknown("REST does not answer")
    checks = judge(clock=silence, listing=silence, account=silence, key=silence, rates=())
    failed = {name for name, check in checks.items() if check.result == "fail"}
    assert failed == {"venue clock", "symbols", "account", "key permissions"}
    assert {check.exit_code for check in checks.values() if check.result == "fail"} == {70}
    assert "rate limits" not in checks


@pytest.mark.parametrize(
    ("rates", "result"),
    [
        (usage(LimitKind.REQUEST_WEIGHT, 60_000, 3_000, 6_000), "warn"),
        (usage(LimitKind.ORDERS, 10_000, 0, 99), "warn"),
        (usage(LimitKind.ORDERS, 86_400_000, 0, 160_000), "ok"),
    ],
    ids=["half used by others", "ten a second are too many", "a day of them is not expected"],
)
def test_limits_that_will_not_do_are_told(rates: tuple[RateUsage, ...], result: str) -> None:
    """What others use of them, and what our settings would use."""
    assert judge(rates=rates)["rate limits"].result == result


@pytest.mark.parametrize(
    ("listing", "result", "seen"),
    [
        (ListingFacts(instruments=(), unlisted=("A", "B")), "fail", "not listed: A, B"),
        (with_status("HALT"), "warn", "not trading now: BTCUSDT (HALT)"),
    ],
    ids=["unlisted", "halted"],
)
def test_symbols_that_do_not_trade_are_named(listing: ListingFacts, result: str, seen: str) -> None:
    """One that is halted may trade again; one that is not listed will not."""
    check = judge(listing=listing)["symbols"]
    assert (check.result, check.seen) == (result, seen)


def test_symbols_that_do_not_fit_the_capital_are_told_as_at_a_start() -> None:
    """The same rule, before anything is started."""
    euro = msgspec.structs.replace(btc(), quote_asset="EUR")
    check = judge(listing=ListingFacts(instruments=(euro,)))["symbols"]
    assert (check.result, check.exit_code) == ("fail", 78)
    assert "paid for in EUR" in check.seen


BARRED = msgspec.structs.replace(ACCOUNT, can_trade=False)
EMPTY = msgspec.structs.replace(ACCOUNT, balances=())
REFUSED = Unknown("Invalid API-key, IP, or permissions for action.", -2015)


@pytest.mark.parametrize(
    ("facts", "name", "result", "exit_code"),
    [
        (account(account=BARRED), "account", "fail", 78),
        (account(lock_holder="4711"), "account lock", "fail", 75),
        (account(account=EMPTY), "capital", "fail", 78),
        (account(account=EMPTY, has_books=True), "capital", "ok", 0),
        (REFUSED, "account", "fail", 78),
    ],
    ids=["barred", "taken", "poor", "invested", "key refused"],
)
def test_the_account_is_judged(
    facts: AccountFacts | Unknown, name: str, result: str, exit_code: int
) -> None:
    """May it trade, does nobody else, does it hold what was allotted; is the key its own."""
    check = judge(account=facts)[name]
    assert (check.result, check.exit_code) == (result, exit_code)


def test_the_capital_is_what_is_free_to_the_last_unit() -> None:
    """What others' orders have locked is not ours to trade."""
    short = (Balance("USDT", CAPITAL - 1, SCALE),)
    facts = account(account=msgspec.structs.replace(ACCOUNT, balances=short))
    check = judge(account=facts)["capital"]
    assert check.result == "fail"
    assert check.seen == "699.99999999 USDT free, 700 allotted"
