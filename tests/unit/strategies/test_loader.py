"""What may run, what does by default, and how a wrong roster is refused."""

import pytest

from genesis.analytics.market_indicators import IndicatorPool
from genesis.config import RosterEntry, StrategySettings, Tier
from genesis.domain.instruments import InstrumentCatalogue
from genesis.errors import ConfigError
from genesis.strategies.base import StrategyContext
from genesis.strategies.loader import create_strategies, load_kinds, load_roster, specs_of
from tests.support.builders import btc, catalogue

SNIPER = {"ema_cross", "momentum_breakout"}
HUNTER = SNIPER | {"mean_reversion"}
STRATEGIST = HUNTER | {"book_imbalance"}


def listing(count: int) -> InstrumentCatalogue:
    """Return that many instruments."""
    return InstrumentCatalogue([btc(row, f"C{row}USDT", f"C{row}") for row in range(count)])


def entry(kind: str = "ema_cross", symbol: str = "BTCUSDT", **parameters: float) -> RosterEntry:
    """Return one line of a roster."""
    return RosterEntry(strategy_id="mine", kind=kind, symbol=symbol, parameters=dict(parameters))


@pytest.mark.parametrize(
    ("tier", "kinds"),
    [(Tier.SNIPER, SNIPER), (Tier.HUNTER, HUNTER), (Tier.STRATEGIST, STRATEGIST)],
)
def test_a_tier_loads_its_kinds_and_those_below(tier: Tier, kinds: set[str]) -> None:
    """Kinds are found by the package they stand in; the classes they share are no kinds."""
    assert set(load_kinds(tier)) == kinds


@pytest.mark.parametrize("instruments", [1, 2, 3, 7, 20, 200])
@pytest.mark.parametrize("count", [1, 4, 120, 1_000])
def test_the_default_roster_fits_any_market(instruments: int, count: int) -> None:
    """It has as many strategies as asked, each its own, spread evenly over the instruments."""
    market = listing(instruments)
    roster = load_roster(StrategySettings(count=count, workers=1), Tier.STRATEGIST, market)

    assert len(roster) == len({one.strategy_id for one in roster}) == count
    per_symbol = [sum(one.symbol == each.symbol for one in roster) for each in market]
    assert max(per_symbol) - min(per_symbol) <= len(STRATEGIST)
    assert len({(one.kind, one.symbol, repr(one.parameters)) for one in roster}) == count


def test_the_default_roster_is_valid_and_loads() -> None:
    """Every strategy of the default roster can be made."""
    market = listing(20)
    roster = load_roster(StrategySettings(), Tier.STRATEGIST, market)
    explicit = StrategySettings(roster=roster)
    assert load_roster(explicit, Tier.STRATEGIST, market) == roster

    numbers = {one.strategy_id: row for row, one in enumerate(roster, 1)}
    specs = specs_of(roster, numbers)
    strategies = create_strategies(
        specs, Tier.STRATEGIST, market, StrategyContext(1, IndicatorPool())
    )
    assert [one.spec for one in strategies] == specs
    assert {one.kind for one in strategies} == STRATEGIST
    assert [one.spec.number for one in strategies] == list(range(1, 121))


def test_names_do_not_depend_on_the_count() -> None:
    """A longer roster keeps the names of a shorter one, and thereby their permanent numbers."""
    few, many = (
        load_roster(StrategySettings(count=count, workers=1), Tier.STRATEGIST, listing(5))
        for count in (30, 120)
    )
    assert many[:30] == few


def test_symbols_narrow_the_roster() -> None:
    """With `symbols` set nothing else is traded."""
    settings = StrategySettings(symbols=("ETHUSDT",))
    roster = load_roster(settings, Tier.STRATEGIST, catalogue())
    assert {one.symbol for one in roster} == {"ETHUSDT"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            StrategySettings(roster=(entry("ema_crss"),), workers=1),
            "strategies.roster[0].kind: there is no strategy 'ema_crss'; did you mean 'ema_cross'?",
        ),
        (
            StrategySettings(roster=(entry("book_imbalance"),), workers=1),
            (
                "strategies.roster[0].kind: 'book_imbalance' runs from a higher tier on; "
                "this one has ema_cross, mean_reversion, momentum_breakout"
            ),
        ),
        (
            StrategySettings(roster=(entry(symbol="BTCUSD"),), workers=1),
            "strategies.roster[0].symbol: 'BTCUSD' is not traded here; did you mean 'BTCUSDT'?",
        ),
        (
            StrategySettings(roster=(entry(symbol="XYZ"),), workers=1),
            "strategies.roster[0].symbol: 'XYZ' is not traded here; choose one of BTCUSDT, ETHUSDT",
        ),
        (
            StrategySettings(roster=(entry(fast_perod=3),), workers=1),
            (
                "strategies.roster[0].parameters.fast_perod: ema_cross has no such parameter; "
                "did you mean 'fast_period'?"
            ),
        ),
        (
            StrategySettings(roster=(entry(fast_period=30),), workers=1),
            "strategies.roster[0].parameters: fast_period 30 must be below slow_period 20",
        ),
        (
            StrategySettings(roster=(entry(stop_bps=0),), workers=1),
            "strategies.roster[0].parameters: Expected `int` >= 1: `stop_bps`",
        ),
        (
            StrategySettings(symbols=("BTCUSDC",)),
            "strategies.symbols: 'BTCUSDC' is not listed by the venue; did you mean 'BTCUSDT'?",
        ),
        (
            StrategySettings(symbols=("BTCUSDT",), roster=(entry(symbol="ETHUSDT"),), workers=1),
            "strategies.roster[0].symbol: 'ETHUSDT' is not traded here; did you mean 'BTCUSDT'?",
        ),
    ],
)
def test_a_wrong_roster_is_refused_with_place_and_remedy(
    settings: StrategySettings, told: str
) -> None:
    """The message names where the fault is, what is wrong and what would be right."""
    with pytest.raises(ConfigError) as refused:
        load_roster(settings, Tier.HUNTER, catalogue())
    assert str(refused.value) == told


def test_all_faults_are_told_at_once() -> None:
    """Whoever repairs a roster sees everything that is wrong with it."""
    wrong = (
        entry("nothing", "NOWHERE"),
        RosterEntry(strategy_id="b", kind="ema_cross", symbol="BTCUSDT", parameters={"x": 1}),
    )
    with pytest.raises(ConfigError) as refused:
        load_roster(StrategySettings(roster=wrong), Tier.HUNTER, catalogue())
    assert len(str(refused.value).splitlines()) == 3


def test_a_venue_that_lists_nothing_is_refused() -> None:
    """Without an instrument there is nothing to trade."""
    with pytest.raises(ConfigError, match="lists no instrument"):
        load_roster(StrategySettings(), Tier.HUNTER, listing(0))
