"""`genesis.venue.wallet_methods`: what the venue's other APIs say to clients of the spot one."""

from typing import Final

import msgspec

from genesis.venue.api_call import Call
from genesis.venue.parameters import Parameters
from genesis.venue.signatures import KeyPermissions
from genesis.venue.wallet_methods import WALLET_METHODS
from tests.support.venue import NOW, Floor

ANY: Final = KeyPermissions()


def call(path: str, permissions: KeyPermissions = ANY, **texts: str) -> object:
    """Call a method as the owner of a key."""
    call_ = Call(Floor().exchange, 1, permissions, Parameters(texts), NOW)
    return msgspec.to_builtins(WALLET_METHODS[path].run(call_))


def test_a_key_is_told_what_it_may_do() -> None:
    """As it was registered."""
    may = KeyPermissions(trading=False, withdrawals=True, is_ip_bound=False)
    told = call("/sapi/v1/account/apiRestrictions", may)

    assert isinstance(told, dict)
    keys = ("enableReading", "enableSpotAndMarginTrading", "enableWithdrawals", "ipRestrict")
    assert [told[key] for key in keys] == [True, False, True, False]


def test_fees_are_the_venues() -> None:
    """Of one symbol or of all."""
    (fee,) = msgspec.convert(
        call("/sapi/v1/asset/tradeFee", symbol="BTCUSDT"), list[dict[str, str]]
    )
    assert fee == {
        "symbol": "BTCUSDT",
        "makerCommission": "0.00100000",
        "takerCommission": "0.00100000",
    }
    assert len(msgspec.convert(call("/sapi/v1/asset/tradeFee"), list[dict[str, str]])) == 2
