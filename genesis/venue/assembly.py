"""Putting a venue's parts together, from its configuration."""

from random import Random

from genesis.units import Nanos
from genesis.venue.config import VenueConfig
from genesis.venue.exchange import Exchange
from genesis.venue.ledger import Ledger
from genesis.venue.market import Audience, Market
from genesis.venue.market_model import MarketModel
from genesis.venue.model_profiles import model_profiles
from genesis.venue.replay_market import ReplayMarket
from genesis.venue.tape_files import load_tape


def build_exchange(config: VenueConfig, ledger: Ledger, audience: Audience, now: Nanos) -> Exchange:
    """Return the exchange of a venue that opens now, its accounts open.

    Raises:
        ConfigError: The tape cannot be read, or the model knows fewer instruments.
        StorageError: The ledger cannot be read or written.
    """
    market = _build_market(config, ledger, audience, now)
    exchange = Exchange(market, ledger, config.rules, now)
    for key in config.keys:
        exchange.open_account(key.account_id, config.deposits, now)
    return exchange


def _build_market(config: VenueConfig, ledger: Ledger, audience: Audience, now: Nanos) -> Market:
    last_trade_ids = ledger.last_trade_ids()
    if config.tape_path is not None:
        return ReplayMarket(
            load_tape(config.tape_path),
            config.replay,
            start=now,
            audience=audience,
            last_trade_ids=last_trade_ids,
        )
    model = config.model
    return MarketModel(
        model_profiles(model.instruments, ledger.marks(), last_trade_ids),
        rate=model.rate,
        random=Random(model.seed),  # noqa: S311 - a market that can be repeated, no secret
        start=now,
        audience=audience,
    )
