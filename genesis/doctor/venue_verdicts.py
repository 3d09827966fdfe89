"""Verdicts on the way to the venue, its clock and limits, the symbols and the account. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from genesis.config import Settings
from genesis.doctor.key_verdicts import judge_restrictions
from genesis.doctor.report import Check, fail, ok, warn
from genesis.doctor.venue_facts import (
    AccountFacts,
    ClockFacts,
    EndpointFacts,
    ListingFacts,
    Step,
    Unknown,
    VenueFacts,
)
from genesis.domain.instruments import Instrument
from genesis.engine.listing_check import faults_of_listing
from genesis.errors import EXIT_CONFIG, EXIT_INTERNAL, EXIT_LOCK_HELD
from genesis.exchange.rate_limits import RateUsage
from genesis.exchange.request_cost import LimitKind
from genesis.limits import (
    CLOCK_OFFSET_LARGE,
    CLOCK_OFFSET_MAX,
    RATE_USED_LARGE,
    ROUND_TRIP_SLOW,
)
from genesis.units import NANOS_PER_MS, Nanos, fixed_from_decimal, text_from_fixed

_KEY_REFUSED: Final = frozenset({-1002, -1022, -2008, -2014, -2015})  # `binance-spot.md` 11
_WHOLE: Final = 100
_MS_PER_SECOND: Final = 1_000
_SHORT_WINDOW_MS: Final = 60 * _MS_PER_SECOND

_WAYS_ON: Final[Mapping[Step, str]] = {
    Step.RESOLVE: "see whether this host can resolve names, and whether the address is right",
    Step.CONNECT: "let connections to it out through the firewall; see whether it is the right one",
    Step.ANSWER: "the venue may be down, or bar this place: look at its status page, try again",
}


def judge_venue(facts: VenueFacts, settings: Settings) -> Iterator[Check]:
    """Judge everything beyond this machine."""
    for endpoint in facts.endpoints:
        yield _judge_endpoint(endpoint)
    yield _judge_clock(facts.clock)
    if facts.rates:
        yield _judge_rates(facts.rates, settings)
    yield _judge_listing(facts.listing, settings)
    yield from _judge_account(facts.account, settings)
    match facts.key:
        case None:
            yield ok("key permissions", f"not asked: mode {settings.mode} has no /sapi to ask")
        case Unknown() as unknown:
            yield _unknown("key permissions", unknown)
        case key:
            yield from judge_restrictions(key, settings.credentials, facts.now_ms)


def _judge_endpoint(facts: EndpointFacts) -> Check:
    if facts.failed_at is not None:
        seen = f"{facts.url}: {facts.fault}"
        return fail(facts.name, seen, _WAYS_ON[facts.failed_at], EXIT_INTERNAL)
    trust = (
        f"{facts.encryption}, certificate good for {facts.certificate_days} days"
        if facts.encryption
        else "not encrypted, within this machine"
    )
    seen = (
        f"{facts.url}: {facts.addresses} addresses, connected in {_ms(facts.connected_in)}, "
        f"{trust}, round trip {_ms(facts.round_trip)}"
    )
    if facts.round_trip >= ROUND_TRIP_SLOW:
        return warn(facts.name, seen, "the way is long: a host nearer to the venue trades better")
    return ok(facts.name, seen)


def _judge_clock(facts: ClockFacts | Unknown) -> Check:
    """Judge how far our clock is off: requests carry the venue's time, all that is kept ours."""
    name = "venue clock"
    if isinstance(facts, Unknown):
        return _unknown(name, facts)
    off = abs(facts.offset)
    where = "behind" if facts.offset > 0 else "ahead"
    seen = f"ours is {_ms(off)} {where}, within {_ms(facts.round_trip // 2)}"
    remedy = "set this machine's clock by NTP: chrony, or timedatectl set-ntp true"
    if off >= CLOCK_OFFSET_MAX:
        return fail(name, seen, remedy, EXIT_INTERNAL)
    return warn(name, seen, remedy) if off >= CLOCK_OFFSET_LARGE else ok(name, seen)


def _judge_rates(usages: tuple[RateUsage, ...], settings: Settings) -> Check:
    """Judge whether something else uses up the limits, and whether ours fit them."""
    name = "rate limits"
    seen = ", ".join(
        f"{usage.kind.lower()} {usage.used} of {usage.limit} in "
        f"{usage.interval_ms // _MS_PER_SECOND} s"
        for usage in usages
    )
    for usage in usages:
        if usage.used * _WHOLE >= usage.limit * RATE_USED_LARGE:
            remedy = "find what else uses this address or account, or wait for the window's end"
            return warn(name, seen, remedy)
        per_window = settings.risk.orders_per_second * usage.interval_ms // _MS_PER_SECOND
        is_short = usage.interval_ms <= _SHORT_WINDOW_MS
        if usage.kind is LimitKind.ORDERS and is_short and per_window > usage.limit:
            remedy = f"lower risk.orders_per_second: {per_window} may come in that window"
            return warn(name, seen, remedy)
    return ok(name, seen)


def _judge_listing(facts: ListingFacts | Unknown, settings: Settings) -> Check:
    name = "symbols"
    if isinstance(facts, Unknown):
        return _unknown(name, facts)
    faults = faults_of_listing(settings, facts.instruments)
    idle = [_with_status(each) for each in facts.instruments if not each.is_trading]
    if facts.unlisted:
        seen = f"not listed: {', '.join(facts.unlisted)}"
        return fail(name, seen, "name others in strategies.symbols or the roster", EXIT_CONFIG)
    if faults:
        return fail(name, "; ".join(faults), "as said, setting by setting", EXIT_CONFIG)
    if idle:
        return warn(name, f"not trading now: {', '.join(idle)}", "they trade when they do again")
    return ok(name, f"{len(facts.instruments)} listed, all trading")


def _judge_account(facts: AccountFacts | Unknown, settings: Settings) -> Iterator[Check]:
    if isinstance(facts, Unknown):
        yield _unknown("account", facts)
        return
    account = facts.account
    if account.can_trade:
        yield ok("account", f"number {account.account_id}, may trade")
    else:
        seen = f"number {account.account_id} may not trade"
        yield fail("account", seen, "ask the venue why it is restricted", EXIT_CONFIG)
    if facts.lock_holder:
        seen = f"process {facts.lock_holder} trades on account {account.account_id}"
        yield fail("account lock", seen, "stop that engine first", EXIT_LOCK_HELD)
    else:
        yield ok("account lock", "free")
    yield _judge_capital(facts, settings)


def _judge_capital(facts: AccountFacts, settings: Settings) -> Check:
    name, asset = "capital", settings.quote_asset
    free = sum(entry.free for entry in facts.account.balances if entry.asset == asset)
    seen = f"{text_from_fixed(free)} {asset} free, {settings.capital_quote} allotted"
    if facts.has_books:
        return ok(name, f"{seen}; what is in positions is counted at the start")
    if free < fixed_from_decimal(settings.capital_quote):
        return fail(name, seen, "lower capital_quote, or deposit the rest", EXIT_CONFIG)
    return ok(name, seen)


def _unknown(name: str, unknown: Unknown) -> Check:
    if unknown.code in _KEY_REFUSED:
        remedy = (
            "see that key_file holds this venue's key and its own secret half, that the key is "
            "bound to this host's address, and that it may read and trade"
        )
        return fail(name, f"{unknown.code}: {unknown.reason}", remedy, EXIT_CONFIG)
    remedy = "see what is said above of the key and of REST"
    return fail(name, f"not known: {unknown.reason}", remedy, EXIT_INTERNAL)


def _with_status(instrument: Instrument) -> str:
    return f"{instrument.symbol} ({instrument.status})"


def _ms(duration: Nanos) -> str:
    return f"{duration / NANOS_PER_MS:.1f} ms"
