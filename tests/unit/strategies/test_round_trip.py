"""The part all kinds share: one order at a time, and every position comes to an end."""

import pytest

from genesis.domain.orders import (
    OrderReport,
    OrderType,
    ReportKind,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.limits import EXIT_RETRY_DELAY, PENDING_SIGNAL_MAX, SIGNAL_SPACING_MIN
from genesis.strategies.base import ParameterValue, StrategyContext
from genesis.strategies.round_trip import RoundTripParameters, RoundTripStrategy
from genesis.units import NANOS_PER_SECOND, SCALE, Nanos, Price
from tests.support.builders import LOT, NOW, PRICE, btc
from tests.support.strategy_builders import (
    answer,
    context,
    feed,
    position_report,
    quotes_of,
    spec,
)

SECOND = NANOS_PER_SECOND
DUST = LOT // 1_000


class Puppet(RoundTripStrategy):
    """A kind whose conviction a test sets; there is news with every quote while it is not 0."""

    kind = "puppet"
    parameters_type = RoundTripParameters
    wish = 0.0

    @property
    def news(self) -> int:
        """Count on while there is something to say."""
        return self.state.news_seen + (self.wish != 0.0)

    def conviction(self) -> float:
        """Say what the test wishes."""
        return self.wish


def puppet(surroundings: StrategyContext | None = None, **parameters: float) -> Puppet:
    """Return a puppet that rests 10 s and holds at most 30 s."""
    rules: dict[str, ParameterValue] = {"cooldown_s": 10.0, "hold_max_s": 30.0, **parameters}
    return Puppet(spec("puppet", rules), btc(), surroundings or context())


def quote_at(strategy: Puppet, at: Nanos, middle: Price = PRICE, wish: float = 0.0) -> list[Signal]:
    """Give one quote to a puppet with a wish."""
    strategy.wish = wish
    return feed(strategy, quotes_of([middle], start=at))


def entered(strategy: Puppet, at: Nanos = NOW) -> Signal:
    """Let a puppet enter at `at` and fill it whole at PRICE."""
    (signal,) = quote_at(strategy, at, wish=0.6)
    strategy.receive_report(answer(signal, ReportKind.FILLED, position=LOT))
    return signal


def test_an_entry_carries_its_protection() -> None:
    """An entry is a limit order that fills at once or not at all, with stop and target on ticks."""
    (signal,) = quote_at(puppet(), NOW, wish=0.6)
    ask = PRICE + SCALE // 200
    tick = btc().tick_size

    assert (signal.action, signal.order_type) == (SignalAction.ENTER, OrderType.LIMIT)
    assert signal.time_in_force is TimeInForce.IOC
    assert signal.confidence == 0.6
    assert ask < signal.limit_price <= ask * 10_005 // 10_000
    assert signal.stop_price < ask < signal.target_price
    assert not any(
        price % tick for price in (signal.limit_price, signal.stop_price, signal.target_price)
    )
    assert signal.expires_at == NOW + SECOND


def test_conviction_beyond_certainty_is_certainty() -> None:
    """A confidence is at most 1, however convinced a kind is."""
    (signal,) = quote_at(puppet(), NOW, wish=7.0)
    assert signal.confidence == 1.0


def test_one_order_at_a_time() -> None:
    """While the fate of a signal is unknown there is no other."""
    strategy = puppet()
    quote_at(strategy, NOW, wish=0.6)

    assert quote_at(strategy, NOW + 5 * SECOND, wish=0.6) == []
    assert quote_at(strategy, NOW + PENDING_SIGNAL_MAX - 1, wish=0.6) == []


def test_a_fate_that_is_never_told_is_given_up() -> None:
    """After longer than any order can stay in doubt, and a rest, the strategy goes on."""
    strategy = puppet()
    quote_at(strategy, NOW, wish=0.6)
    given_up = NOW + PENDING_SIGNAL_MAX

    assert quote_at(strategy, given_up, wish=0.6) == []
    assert len(quote_at(strategy, given_up + 10 * SECOND, wish=0.6)) == 1


@pytest.mark.parametrize(
    "kind",
    [
        ReportKind.REFUSED,
        ReportKind.REJECTED,
        ReportKind.CANCELED,
        ReportKind.EXPIRED,
        ReportKind.NOT_EXECUTED,
    ],
)
def test_an_entry_that_came_to_nothing_is_followed_by_a_rest(kind: ReportKind) -> None:
    """Whatever ended it, the strategy does not try again before it has rested."""
    strategy = puppet()
    (signal,) = quote_at(strategy, NOW, wish=0.6)
    strategy.receive_report(answer(signal, kind))

    assert quote_at(strategy, NOW + 9 * SECOND, wish=0.6) == []
    assert len(quote_at(strategy, NOW + 10 * SECOND, wish=0.6)) == 1


def test_reports_of_other_signals_end_nothing() -> None:
    """Only the report that names the pending signal ends it: not an older epoch's, not a repeat."""
    strategy = puppet()
    (signal,) = quote_at(strategy, NOW, wish=0.6)
    for stale in (
        answer(signal, ReportKind.ACCEPTED),
        _of_epoch(answer(signal, ReportKind.REFUSED), 4),
        position_report(0),
    ):
        strategy.receive_report(stale)

    assert quote_at(strategy, NOW + 15 * SECOND, wish=0.6) == []


def _of_epoch(report: OrderReport, epoch: int) -> OrderReport:
    report.epoch = epoch
    return report


@pytest.mark.parametrize(
    ("middle", "wish", "after_s", "is_over"),
    [
        (PRICE, 0.0, 5, False),
        (PRICE, 0.7, 5, False),
        (PRICE, -0.1, 5, True),
        (PRICE * 9_959 // 10_000, 0.0, 5, True),
        (PRICE * 9_970 // 10_000, 0.0, 5, False),
        (PRICE * 10_061 // 10_000, 0.0, 5, True),
        (PRICE * 10_050 // 10_000, 0.0, 5, False),
        (PRICE, 0.0, 30, True),
    ],
    ids=[
        "nothing happened",
        "still convinced",
        "conviction turned",
        "below the stop",
        "above the stop",
        "above the target",
        "below the target",
        "held too long",
    ],
)
def test_when_a_position_is_closed(
    middle: Price, wish: float, after_s: int, *, is_over: bool
) -> None:
    """A position ends at its stop, its target, its time, or when the conviction turns."""
    strategy = puppet()
    entered(strategy)
    signals = quote_at(strategy, NOW + after_s * SECOND, middle, wish)

    assert [signal.action for signal in signals] == ([SignalAction.EXIT] if is_over else [])


def test_an_exit_sells_everything_at_the_market() -> None:
    """The executor knows the lots to the last unit, so an exit names no quantity."""
    strategy = puppet()
    entered(strategy)
    (signal,) = quote_at(strategy, NOW + 5 * SECOND, wish=-1.0)

    assert (signal.order_type, signal.quantity) == (OrderType.MARKET, 0)


def test_a_closed_position_is_followed_by_a_rest() -> None:
    """After a round trip there is no entry until the rest is over, and then there is."""
    strategy = puppet()
    entered(strategy)
    (leaving,) = quote_at(strategy, NOW + 5 * SECOND, wish=-1.0)
    strategy.receive_report(answer(leaving, ReportKind.FILLED, position=0))

    assert quote_at(strategy, NOW + 14 * SECOND, wish=0.6) == []
    assert len(quote_at(strategy, NOW + 15 * SECOND, wish=0.6)) == 1


def test_an_exit_that_failed_is_tried_again_ever_more_slowly() -> None:
    """A refused exit is repeated: the first time after a second, then with doubling delays."""
    strategy = puppet()
    entered(strategy)
    at = NOW + 5 * SECOND
    delays = []
    for _ in range(4):
        (leaving,) = quote_at(strategy, at, wish=-1.0)
        strategy.receive_report(answer(leaving, ReportKind.REFUSED, position=LOT))
        sent_at = at
        while not strategy.state.quiet_until <= at:
            at += SIGNAL_SPACING_MIN
            if strategy.state.quiet_until > at:
                assert quote_at(strategy, at, wish=-1.0) == []
        delays.append((at - sent_at) // EXIT_RETRY_DELAY)

    assert delays == [1, 2, 4, 8]


def test_signals_of_one_strategy_are_a_second_apart() -> None:
    """However fast fills come and wishes change, a strategy signals once a second at most."""
    strategy = puppet()
    entered(strategy)

    assert quote_at(strategy, NOW + SIGNAL_SPACING_MIN - 1, wish=-1.0) == []
    assert len(quote_at(strategy, NOW + SIGNAL_SPACING_MIN, wish=-1.0)) == 1


def test_a_partial_entry_is_held_and_sold() -> None:
    """What an immediate order filled before it expired is a position like any other."""
    strategy = puppet()
    (signal,) = quote_at(strategy, NOW, wish=0.6)
    strategy.receive_report(answer(signal, ReportKind.FILLED, position=LOT))
    strategy.receive_report(answer(signal, ReportKind.EXPIRED, position=LOT))

    assert strategy.state.is_holding
    assert len(quote_at(strategy, NOW + 2 * SECOND, wish=-1.0)) == 1


def test_a_partial_exit_is_followed_by_another() -> None:
    """An exit that sold only some is pending for a moment, then the rest is sold."""
    strategy = puppet()
    entered(strategy)
    (leaving,) = quote_at(strategy, NOW + 5 * SECOND, wish=-1.0)
    strategy.receive_report(answer(leaving, ReportKind.FILLED, position=LOT // 2))

    assert quote_at(strategy, NOW + 5 * SECOND + 1, wish=-1.0) == []
    again = [quote_at(strategy, NOW + after * SECOND, wish=-1.0) for after in (6, 7)]
    assert [len(signals) for signals in again] == [0, 1]


def test_dust_counts_as_flat() -> None:
    """Lots too small for the venue cannot be sold: they neither ask for exits nor bar entries."""
    strategy = puppet()
    entered(strategy)
    (leaving,) = quote_at(strategy, NOW + 5 * SECOND, wish=-1.0)
    strategy.receive_report(answer(leaving, ReportKind.FILLED, position=DUST))

    assert not strategy.state.is_holding
    assert len(quote_at(strategy, NOW + 20 * SECOND, wish=0.6)) == 1


def test_lots_below_the_least_notional_count_as_flat() -> None:
    """The least quantity is not enough: the venue also asks for a least notional."""
    strategy = puppet()
    quote_at(strategy, NOW)
    strategy.receive_report(position_report(btc().min_quantity))

    assert not strategy.state.is_holding


def test_a_restarted_strategy_learns_its_position() -> None:
    """A worker that knows nothing takes over a reported position and brings it to an end."""
    strategy = puppet()
    strategy.receive_report(position_report(LOT, at=NOW))

    assert quote_at(strategy, NOW + SECOND) == []
    assert quote_at(strategy, NOW + 2 * SECOND, PRICE * 9_950 // 10_000) != []


def test_repeated_position_reports_change_nothing() -> None:
    """The executor repeats positions every second; the time of a position still counts once."""
    strategy = puppet()
    entered(strategy)
    for after in range(1, 30):
        strategy.receive_report(position_report(LOT, at=NOW + after * SECOND))
        assert quote_at(strategy, NOW + after * SECOND) == []

    assert len(quote_at(strategy, NOW + 30 * SECOND)) == 1


def test_a_full_ring_is_tried_again_a_second_later() -> None:
    """A signal that never left the worker is not waited for."""
    strategy = puppet()
    (signal,) = quote_at(strategy, NOW, wish=0.6)
    strategy.on_ring_full(signal)

    assert quote_at(strategy, NOW + SECOND - 1, wish=0.6) == []
    (again,) = quote_at(strategy, NOW + SECOND, wish=0.6)
    assert again.sequence == 2


def test_no_entry_into_a_wide_spread() -> None:
    """A market without liquidity is not entered, but a position in it is still closed."""
    strategy = puppet(spread_max_bps=1.0)
    strategy.wish = 0.6
    wide = quotes_of([PRICE], start=NOW, spread=100 * SCALE)
    assert feed(strategy, wide) == []

    entered(strategy, NOW + SECOND)
    strategy.wish = -1.0
    assert len(feed(strategy, quotes_of([PRICE], start=NOW + 5 * SECOND, spread=100 * SCALE))) == 1
