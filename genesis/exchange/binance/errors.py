"""What the venue's error codes prove (`binance-spot.md` section 11).

An order may follow a refusal only if the refusal is certain. So the rule is: what is listed here is
certain, everything else is unknown and has to be queried.
"""

import enum
import re
from typing import Final

import msgspec


class Finality(enum.Enum):
    """What an error reply to an order says about the order."""

    REFUSED = "refused"
    """It was not executed and the same order never will be."""

    RETRYABLE = "retryable"
    """It was not executed; the same wish is valid later, as a new intent."""

    UNKNOWN = "unknown"
    """It may have been executed."""


class VenueFault(msgspec.Struct, frozen=True, kw_only=True):
    """An error reply. `retry_at_ms` is venue time, 0 where none is given.

    `told_at_ms` is the venue's time when it said so, 0 where it does not say.
    """

    status: int
    code: int
    reason: str
    retry_at_ms: int = 0
    told_at_ms: int = 0


TOO_MANY_REQUESTS: Final = -1003
OVERLOADED: Final = -1008
FILTER_FAILURE: Final = -1013
TOO_MANY_ORDERS: Final = -1015
TIMESTAMP_OUTSIDE_WINDOW: Final = -1021
TOO_MUCH_PRECISION: Final = -1111
NEW_ORDER_REFUSED: Final = -2010
CANCEL_REFUSED: Final = -2011
NO_SUCH_ORDER: Final = -2013
ORDER_ARCHIVED: Final = -2026
SUBSCRIPTION_ACTIVE: Final = -2035
SUBSCRIPTIONS_USED_UP: Final = -2042
UNKNOWN_SYMBOL: Final = -1121

_SERVER_ERRORS_FROM: Final = 500

_RETRYABLE: Final = frozenset(
    {TOO_MANY_REQUESTS, OVERLOADED, TOO_MANY_ORDERS, TIMESTAMP_OUTSIDE_WINDOW}
)
EXECUTION_UNKNOWN: Final = frozenset({-1000, -1001, -1006, -1007})
_REFUSED: Final = frozenset(
    {
        *(-1002, FILTER_FAILURE, -1016, -1020, -1022, -1034),
        *range(-1108, -1099),
        *(TOO_MUCH_PRECISION, UNKNOWN_SYMBOL),
        *(-1112, -1114, -1115, -1116, -1117, -1120, -1122, -1125),
        *(-1127, -1128, -1130, -1131, -1134, -1135, -1145, -1151),
        *range(-1199, -1157),
        *(-1210, -1211, -1220, -1222, -1223, -1224, -1225),
        *(-2008, -2014, -2015, -2016, -2021, -2022, -2035, -2036, -2038, -2039, -2042, -2043),
    }
)
assert not _RETRYABLE & EXECUTION_UNKNOWN, "a code proves one thing"
assert not _REFUSED & (_RETRYABLE | EXECUTION_UNKNOWN), "a code proves one thing"

# "Duplicate order sent." is absent on purpose: it proves that an order of this id is open.
_ENGINE_REFUSALS: Final = re.compile(
    r"""
      Account\ has\ insufficient\ balance\ for\ requested\ action\.
    | Market\ is\ closed\.
    | Order\ would\ (?:immediately\ match\ and\ take|trigger\ immediately)\.
    | Price\ \*\ QTY\ is\ zero\ or\ less\.
    | IcebergQty\ exceeds\ QTY\.
    | Unsupported\ order\ combination
    | This\ action\ is\ disabled\ on\ this\ account\.
    | This\ account\ may\ not\ place\ or\ cancel\ orders\.
    | The\ relationship\ of\ the\ prices\ for\ the\ orders\ is\ not\ correct\.
    | .{1,40}\ orders\ are\ not\ support(?:ed)?\ for\ this\ symbol\.?
    | This\ symbol\ is\ (?:not\ permitted|restricted)\ for\ this\ account\.
    | Order\ book\ liquidity\ is\ .{1,80}
    | This\ order\ type\ may\ not\ use\ pegged\ price\.
    | This\ price\ peg\ cannot\ be\ used\ with\ this\ order\ type\.
    | (?:Rest\ API|WebSocket\ API)\ trading\ is\ not\ enabled\.
    | Filter\ failure:\ [A-Z_]{1,60}
    """,
    re.VERBOSE,
)

_ABOUT_THE_LISTING: Final = frozenset({FILTER_FAILURE, TOO_MUCH_PRECISION, UNKNOWN_SYMBOL})
_REFUSALS_ABOUT_THE_LISTING: Final = re.compile(
    r"""
      Market\ is\ closed\.
    | .{1,40}\ orders\ are\ not\ support(?:ed)?\ for\ this\ symbol\.?
    | This\ symbol\ is\ (?:not\ permitted|restricted)\ for\ this\ account\.
    | Filter\ failure:\ [A-Z_]{1,60}
    """,
    re.VERBOSE,
)

_ABOUT_WHO_ASKS: Final = frozenset({-1002, -1022, -2008, -2014, -2015})
_REFUSALS_ABOUT_WHO_ASKS: Final = re.compile(
    r"""
      This\ action\ is\ disabled\ on\ this\ account\.
    | This\ account\ may\ not\ place\ or\ cancel\ orders\.
    | (?:Rest\ API|WebSocket\ API)\ trading\ is\ not\ enabled\.
    """,
    re.VERBOSE,
)


def finality_of(fault: VenueFault) -> Finality:
    """Tell what an error reply proves about the order it answers."""
    if fault.code in _RETRYABLE:
        return Finality.RETRYABLE
    if fault.status >= _SERVER_ERRORS_FROM or fault.code in EXECUTION_UNKNOWN:
        return Finality.UNKNOWN
    if fault.code == NEW_ORDER_REFUSED:
        known = _ENGINE_REFUSALS.fullmatch(fault.reason) is not None
        return Finality.REFUSED if known else Finality.UNKNOWN
    return Finality.REFUSED if fault.code in _REFUSED else Finality.UNKNOWN


def contradicts_listing(fault: VenueFault) -> bool:
    """Tell whether an order was refused by a rule of its symbol: ours must be out of date then."""
    if fault.code == NEW_ORDER_REFUSED:
        return _REFUSALS_ABOUT_THE_LISTING.fullmatch(fault.reason) is not None
    return fault.code in _ABOUT_THE_LISTING


def forbids_trading(fault: VenueFault) -> bool:
    """Tell whether an order was refused for its key, signature or account: the next will be too."""
    if fault.code == NEW_ORDER_REFUSED:
        return _REFUSALS_ABOUT_WHO_ASKS.fullmatch(fault.reason) is not None
    return fault.code in _ABOUT_WHO_ASKS
