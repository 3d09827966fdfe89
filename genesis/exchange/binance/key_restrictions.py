"""What the venue lets a key do: `GET /sapi/v1/account/apiRestrictions`, on the live venue alone.

It stands beside the spot API, on the same host, with signatures of the same kind. The sheet names
the call only; its fields are those of Binance's wallet documentation.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from genesis.errors import MalformedMessage
from genesis.exchange.binance.rest_requests import RestRequest
from genesis.exchange.binance.signing import Signer, signed_query
from genesis.exchange.request_cost import Purpose, RequestCost

_METHOD: Final = "account.apiRestrictions"
_PATH: Final = "/account/apiRestrictions"
_COST: Final = RequestCost(Purpose.READ, weight=1)


class KeyRestrictions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one key may do. What decides about our money must be told; the rest may be missing.

    `trading_authority_expiration_time` is in ms, 0 where trading does not expire.
    """

    ip_restrict: bool
    enable_reading: bool
    enable_spot_and_margin_trading: bool
    enable_withdrawals: bool
    enable_internal_transfer: bool
    permits_universal_transfer: bool
    enable_margin: bool = False
    enable_futures: bool = False
    enable_vanilla_options: bool = False
    enable_portfolio_margin_trading: bool = False
    trading_authority_expiration_time: int = 0


_decode: Final = msgspec.json.Decoder(KeyRestrictions).decode


def wallet_url(rest_url: str) -> str:
    """Return the base of the wallet API beside a spot API, such as https://venue/sapi/v1."""
    parts = urlsplit(rest_url)
    return f"{parts.scheme}://{parts.netloc}/sapi/v1"


def restrictions_request(signer: Signer, *, recv_window_ms: int, timestamp_ms: int) -> RestRequest:
    """Return the question, to be sent below `wallet_url`."""
    stamped = {"recvWindow": recv_window_ms, "timestamp": timestamp_ms}
    target = f"{_PATH}?{signed_query(stamped, signer)}"
    return RestRequest(_METHOD, "GET", target, _COST, signer.api_key)


def decode_restrictions(result: msgspec.Raw) -> KeyRestrictions:
    """Read the answer.

    Raises:
        MalformedMessage: It cannot be read, or leaves out what decides about our money.
    """
    try:
        return _decode(result)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"apiRestrictions: {error}") from None
