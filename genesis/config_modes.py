"""What each mode needs of the settings, and what it has no use for. Pure.

`sim` trades on a venue that the engine starts itself, with a key that this venue makes. All others
trade on a venue that is there: it lists hundreds of symbols and knows one key, so both are named.
"""

from collections.abc import Iterator, Mapping

from genesis.config import Settings
from genesis.config_exchange import ExchangeSettings
from genesis.config_simulation import MarketSettings, VenueSettings
from genesis.credentials import API_KEY_VARIABLE

_URLS = ("rest_url", "ws_api_url", "streams_url")


def faults_of_mode(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Find what the mode cannot work with: a line for each, with its place and its remedy."""
    if settings.is_simulated:
        yield from _needless_urls(settings.exchange)
        return
    yield from _needless_sections(settings)
    strategies = settings.strategies
    if not strategies.symbols and strategies.roster is None:
        yield (
            f"strategies.symbols: is empty; in mode {settings.mode} Genesis trades only what is "
            "named, since the venue lists hundreds: name symbols, or a strategies.roster"
        )
    yield from _missing_key(settings, environ)


def _needless_urls(exchange: ExchangeSettings) -> Iterator[str]:
    for name in _URLS:
        if getattr(exchange, name) is not None:
            yield (
                f"exchange.{name}: is not used in mode sim, which starts a venue of its own; "
                "drop it, or set another mode"
            )


def _needless_sections(settings: Settings) -> Iterator[str]:
    for name, needless in (
        ("market", settings.market != MarketSettings()),
        ("venue", settings.venue != VenueSettings()),
    ):
        if needless:
            yield (
                f"{name}: says what the simulated venue does, and mode {settings.mode} trades on "
                "another; drop the section, or set mode to sim"
            )


def _missing_key(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    # Variables are seen by whoever may look at the process: they will not do for real money.
    if settings.credentials.key_file is not None:
        return
    if settings.mode == "live" or API_KEY_VARIABLE not in environ:
        yield (
            f"credentials.key_file: is not set; mode {settings.mode} trades with a key of yours: "
            "name the file that holds it"
        )
