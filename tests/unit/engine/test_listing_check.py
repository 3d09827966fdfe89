"""What the venue lists against what the settings want of it."""

import msgspec
import pytest

from genesis.config import Settings
from genesis.engine.listing_check import check_listing
from genesis.errors import ConfigError
from genesis.units import SCALE
from tests.support.builders import btc


def test_what_fits_passes() -> None:
    """Paid for in the capital's asset, and the canary could trade it."""
    check_listing(Settings.model_validate({"canary": {"enabled": True}}), [btc()])


def test_an_instrument_in_another_currency_is_refused() -> None:
    """Its amounts would be added to those of the capital as if they were the same."""
    euro = msgspec.structs.replace(btc(1, "BTCEUR"), quote_asset="EUR")
    with pytest.raises(ConfigError, match="BTCEUR is paid for in EUR, and the capital is in USDT"):
        check_listing(Settings(), [btc(), euro])


def test_a_canary_below_the_smallest_order_is_refused() -> None:
    """It would refuse every entry, and pass without having watched anything."""
    canary = {"enabled": True, "max_notional": "4.99"}
    with pytest.raises(ConfigError, match=r"canary.max_notional: 4.99 is below .*5\.00000000"):
        check_listing(Settings.model_validate({"canary": canary}), [btc()])
    at_the_limit = msgspec.structs.replace(btc(), min_notional=499 * SCALE // 100)
    check_listing(Settings.model_validate({"canary": canary}), [at_the_limit])
    check_listing(Settings.model_validate({"canary": canary | {"enabled": False}}), [btc()])
