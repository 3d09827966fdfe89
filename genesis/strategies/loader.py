"""Which strategies run: the kinds of a tier, the default roster, the roster of the settings.

A kind is any `BaseStrategy` with a `kind` in a module of `genesis.strategies.<tier>`. Everything
a roster can get wrong is found here, before any process starts, all of it at once.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from genesis.config import RosterEntry, StrategySettings, Tier
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.errors import ConfigError
from genesis.strategies.base import BaseStrategy, ParameterValue, StrategyContext, StrategySpec

Kind = type[BaseStrategy]

_TIERS: Final = (Tier.SNIPER, Tier.HUNTER, Tier.STRATEGIST)  # each loads those before it as well

# What the instances of the default roster differ in; parameters not named are the kind's defaults.
_VARIANTS: Final[Mapping[str, tuple[dict[str, ParameterValue], ...]]] = {
    "ema_cross": (
        {"sample_ms": 500, "fast_period": 8, "slow_period": 30, "hold_max_s": 45.0},
        {"sample_ms": 1_000, "fast_period": 5, "slow_period": 20, "hold_max_s": 60.0},
        {"sample_ms": 2_000, "fast_period": 4, "slow_period": 12, "hold_max_s": 90.0},
    ),
    "momentum_breakout": (
        {"sample_ms": 500, "entry_period": 40, "exit_period": 20, "hold_max_s": 40.0},
        {"sample_ms": 1_000, "entry_period": 30, "exit_period": 12, "hold_max_s": 60.0},
        {"sample_ms": 2_000, "entry_period": 20, "exit_period": 8, "hold_max_s": 90.0},
    ),
    "mean_reversion": (
        {"sample_ms": 500, "band_period": 40, "rsi_period": 14, "hold_max_s": 45.0},
        {"sample_ms": 1_000, "band_period": 20, "rsi_period": 14, "hold_max_s": 60.0},
        {"sample_ms": 2_000, "band_period": 20, "rsi_period": 9, "hold_max_s": 90.0},
    ),
    "book_imbalance": (
        {"levels": 5, "smoothing": 20, "entry_imbalance": 0.4, "hold_max_s": 30.0},
        {"levels": 10, "smoothing": 30, "entry_imbalance": 0.35, "hold_max_s": 45.0},
        {"levels": 20, "smoothing": 40, "entry_imbalance": 0.3, "hold_max_s": 60.0},
    ),
}


def load_kinds(tier: Tier) -> dict[str, Kind]:
    """Import the kinds that run in a tier, its own and those of the tiers below it."""
    kinds: dict[str, Kind] = {}
    for package_tier in _TIERS[: _TIERS.index(tier) + 1]:
        package = importlib.import_module(f"genesis.strategies.{package_tier}")
        for module_info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(module_info.name)
            for kind in _kinds_in(module.__name__, vars(module).values()):
                assert kind.kind not in kinds, f"two strategies are called {kind.kind}"
                kinds[kind.kind] = kind
    return kinds


def load_roster(
    settings: StrategySettings, tier: Tier, catalogue: InstrumentCatalogue
) -> tuple[RosterEntry, ...]:
    """Return the strategies to run: those of the settings, checked, or the default roster.

    Raises:
        ConfigError: Unknown kinds, parameters or symbols, or parameters out of bounds; every one of
            them with its place and its remedy.
    """
    kinds = load_kinds(tier)
    symbols = [instrument.symbol for instrument in catalogue]
    faults = [
        f"strategies.symbols: {symbol!r} is not listed by the venue{_nearest(symbol, symbols)}"
        for symbol in settings.symbols
        if symbol not in symbols
    ]
    if settings.roster is None:
        roster = default_roster(kinds, settings.symbols or symbols, settings.count)
    else:
        roster = settings.roster
        for row, entry in enumerate(roster):
            allowed = settings.symbols or symbols
            faults += _faults(f"strategies.roster[{row}]", entry, kinds, allowed)
    if not symbols:
        faults.append("market: the venue lists no instrument, so that no strategy can trade")
    if faults:
        raise ConfigError("\n".join(faults))
    return roster


def default_roster(
    kinds: Mapping[str, Kind], symbols: Sequence[str], count: int
) -> tuple[RosterEntry, ...]:
    """Return `count` strategies: kinds in turn on each instrument in turn, then other parameters.

    Names say what the strategy is (`ema_cross-btcusdt-1`), so that the same roster has the same
    names, and thereby the same permanent numbers, in every run.
    """
    names = sorted(kinds)
    stride = max(1, len(symbols) // len(names))
    roster: list[RosterEntry] = []
    for place in range(count if symbols else 0):
        round_, turn = divmod(place, len(names) * len(symbols))
        # Each kind begins at another instrument, so that any prefix is a mixed roster.
        step, which = divmod(turn, len(names))
        kind = names[which]
        symbol = symbols[(step + which * stride) % len(symbols)]
        roster.append(
            RosterEntry(
                strategy_id=f"{kind}-{symbol.lower()}-{round_ + 1}",
                kind=kind,
                symbol=symbol,
                parameters=_variant(kind, round_),
            )
        )
    return tuple(roster)


def specs_of(roster: Iterable[RosterEntry], numbers: Mapping[str, int]) -> list[StrategySpec]:
    """Return the roster with its permanent numbers, as workers and executor are told it."""
    return [
        StrategySpec(
            strategy_id=entry.strategy_id,
            number=numbers[entry.strategy_id],
            kind=entry.kind,
            symbol=entry.symbol,
            parameters=dict(entry.parameters),
        )
        for entry in roster
    ]


def create_strategies(
    specs: Iterable[StrategySpec],
    tier: Tier,
    catalogue: InstrumentCatalogue,
    context: StrategyContext,
) -> list[BaseStrategy]:
    """Make the strategies of a shard, whose roster `load_roster` has checked."""
    kinds = load_kinds(tier)
    return [kinds[spec.kind](spec, _instrument(catalogue, spec.symbol), context) for spec in specs]


def _kinds_in(module_name: str, members: Iterable[object]) -> Iterable[Kind]:
    for member in members:
        if (
            isinstance(member, type)
            and issubclass(member, BaseStrategy)
            and member.__module__ == module_name
            and not inspect.isabstract(member)
        ):
            yield member


def _variant(kind: str, round_: int) -> dict[str, ParameterValue]:
    """Return the parameters of the n-th instance of a kind on an instrument.

    After the listed variants they begin again with longer rests, so that no two are the same.
    """
    variants = _VARIANTS.get(kind, ({},))
    repeat, variant = divmod(round_, len(variants))
    return {**variants[variant], "cooldown_s": 20.0 + 5.0 * variant + 7.0 * repeat}


def _instrument(catalogue: InstrumentCatalogue, symbol: str) -> Instrument:
    instrument = catalogue.by_symbol(symbol)
    assert instrument is not None, "the roster was checked against this catalogue"
    return instrument


def _faults(
    place: str, entry: RosterEntry, kinds: Mapping[str, Kind], symbols: Collection[str]
) -> list[str]:
    """Return everything that is wrong with one entry, each with its place and remedy."""
    faults: list[str] = []
    if entry.symbol not in symbols:
        faults.append(
            f"{place}.symbol: {entry.symbol!r} is not traded here{_nearest(entry.symbol, symbols)}"
        )
    kind = kinds.get(entry.kind)
    if kind is None:
        faults.append(f"{place}.kind: {_unknown_kind(entry.kind, kinds)}")
        return faults
    fields = [field.name for field in msgspec.structs.fields(kind.parameters_type)]
    unknown = [name for name in entry.parameters if name not in fields]
    faults += [
        f"{place}.parameters.{name}: {entry.kind} has no such parameter{_nearest(name, fields)}"
        for name in unknown
    ]
    if not unknown:
        try:
            msgspec.convert(entry.parameters, kind.parameters_type)
        except msgspec.ValidationError as error:
            faults.append(f"{place}.parameters: {error}".replace(" - at `$.", ": `"))
    return faults


def _unknown_kind(name: str, kinds: Collection[str]) -> str:
    if name in load_kinds(_TIERS[-1]):
        return f"{name!r} runs from a higher tier on; this one has {', '.join(sorted(kinds))}"
    return f"there is no strategy {name!r}{_nearest(name, kinds)}"


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose one of {', '.join(sorted(known))}" if known else ""
