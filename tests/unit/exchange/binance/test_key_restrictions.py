"""What the venue lets a key do, as it is asked and read."""

from collections.abc import Mapping

import msgspec
import pytest

from genesis.errors import MalformedMessage
from genesis.exchange.binance.key_restrictions import (
    decode_restrictions,
    restrictions_request,
    wallet_url,
)
from genesis.exchange.binance.signing import HmacSigner

ANSWER = {
    "ipRestrict": True,
    "createTime": 1_698_645_219_000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": True,
    "enableFutures": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableSpotAndMarginTrading": True,
    "tradingAuthorityExpirationTime": 5,
}
DECISIVE = (
    "ipRestrict",
    "enableReading",
    "enableSpotAndMarginTrading",
    "enableWithdrawals",
    "enableInternalTransfer",
    "permitsUniversalTransfer",
)


def raw(answer: Mapping[str, object]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(answer))


def test_the_answer_is_read_as_it_comes() -> None:
    """What is told and not known here is passed over."""
    key = decode_restrictions(raw(ANSWER))
    assert (key.ip_restrict, key.enable_withdrawals, key.enable_margin) == (True, False, True)
    assert key.trading_authority_expiration_time == 5


@pytest.mark.parametrize("name", DECISIVE)
def test_nothing_that_decides_about_money_has_a_default(name: str) -> None:
    """Silence on a right is never taken for its absence."""
    with pytest.raises(MalformedMessage, match=name):
        decode_restrictions(raw({key: value for key, value in ANSWER.items() if key != name}))


def test_the_question_is_signed_and_stands_beside_the_spot_api() -> None:
    """Same host, another path (`binance-spot.md` section 5 on what is signed)."""
    request = restrictions_request(HmacSigner("k", "s"), recv_window_ms=5, timestamp_ms=9)
    assert request.target.startswith("/account/apiRestrictions?recvWindow=5&timestamp=9&signature=")
    assert request.api_key == "k"
    assert wallet_url("https://venue:8443/api/v3") == "https://venue:8443/sapi/v1"
