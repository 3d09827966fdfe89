"""Whether what the venue lists fits the settings, before anything trades on it. Pure."""

from collections.abc import Iterator, Sequence

from genesis.config import Settings
from genesis.domain.instruments import Instrument
from genesis.errors import ConfigError
from genesis.units import fixed_from_decimal, text_from_fixed


def check_listing(settings: Settings, instruments: Sequence[Instrument]) -> None:
    """Refuse instruments that do not fit.

    Raises:
        ConfigError: With a line for each fault.
    """
    faults = faults_of_listing(settings, instruments)
    if faults:
        raise ConfigError("\n".join(faults))


def faults_of_listing(settings: Settings, instruments: Sequence[Instrument]) -> list[str]:
    """Return what the capital cannot buy or the canary could not trade, with place and remedy."""
    return [*_other_quotes(settings, instruments), *_small_canary(settings, instruments)]


def _other_quotes(settings: Settings, instruments: Sequence[Instrument]) -> Iterator[str]:
    for instrument in instruments:
        if instrument.quote_asset != settings.quote_asset:
            yield (
                f"strategies.symbols: {instrument.symbol} is paid for in {instrument.quote_asset}, "
                f"and the capital is in {settings.quote_asset}; trade it by itself, with that "
                "quote_asset"
            )


def _small_canary(settings: Settings, instruments: Sequence[Instrument]) -> Iterator[str]:
    if not settings.has_canary:
        return
    cap = fixed_from_decimal(settings.canary.max_notional)
    for instrument in instruments:
        if instrument.min_notional > cap:
            yield (
                f"canary.max_notional: {settings.canary.max_notional} is below the smallest order "
                f"of {instrument.symbol}, {text_from_fixed(instrument.min_notional)}; raise it"
            )
