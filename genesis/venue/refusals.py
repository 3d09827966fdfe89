"""The venue's refusals: code, status and wording, as clients match them.

Wordings are of `binance-spot.md` sections 7 and 11; clients compare them letter by letter, so each
stands here once.
"""

from http import HTTPStatus
from typing import Final

STATUS_BAD_REQUEST: Final = 400
STATUS_UNAUTHORIZED: Final = 401
STATUS_BANNED: Final = 418
STATUS_TOO_MANY_REQUESTS: Final = 429
STATUS_SERVER_ERROR: Final = 500
STATUS_UNAVAILABLE: Final = 503
STATUS_TIMEOUT: Final = 504

CODE_TOO_MANY_REQUESTS: Final = -1003
CODE_FILTER_FAILURE: Final = -1013
CODE_TOO_MANY_ORDERS: Final = -1015
CODE_NEW_ORDER_REJECTED: Final = -2010
CODE_CANCEL_REJECTED: Final = -2011

NUMBER_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
ORDER_ID_RANGE: Final = "^[0-9]{1,20}$"
CLIENT_ORDER_ID_RANGE: Final = "^[a-zA-Z0-9-_]{1,36}$"

INSUFFICIENT_BALANCE: Final = "Account has insufficient balance for requested action."
DUPLICATE_ORDER: Final = "Duplicate order sent."
UNKNOWN_ORDER: Final = "Unknown order sent."
WOULD_TAKE: Final = "Order would immediately match and take."
WOULD_TRIGGER: Final = "Order would trigger immediately."
BAD_PRICE_RELATION: Final = "The relationship of the prices for the orders is not correct."
ZERO_NOTIONAL: Final = "Price * QTY is zero or less."
CANCEL_IDS_DISAGREE: Final = "Cancel order is invalid. Check origClOrdId and orderId."
CANCEL_RESTRICTED: Final = "Order was not canceled due to cancel restrictions."
MARKET_CLOSED: Final = "Market is closed."
THIN_BOOK: Final = "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
STP_NOT_ALLOWED: Final = "This symbol does not allow the specified self-trade prevention mode."


class Refused(Exception):
    """The venue's no to one request: the answer, not a fault of the venue.

    `retry_at_ms` is set on refusals for rate: the venue's clock at which the window ends. What
    `is_page` comes from something that stands before the venue: over REST it is a page of HTML.
    """

    def __init__(
        self,
        code: int,
        text: str,
        status: int = STATUS_BAD_REQUEST,
        retry_at_ms: int = 0,
        *,
        is_page: bool = False,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.retry_at_ms = retry_at_ms
        self.is_page = is_page


def new_order_rejected(text: str) -> Refused:
    """Say that the matching engine does not take this order."""
    return Refused(CODE_NEW_ORDER_REJECTED, text)


def cancel_rejected(text: str = UNKNOWN_ORDER) -> Refused:
    """Say that the matching engine does not cancel: the order is not open, or not as demanded."""
    return Refused(CODE_CANCEL_REJECTED, text)


def order_not_found() -> Refused:
    """Say that no order, or order list, has these ids."""
    return Refused(-2013, "Order does not exist.")


def ids_disagree() -> Refused:
    """Say that order id and client order id name different orders."""
    return Refused(-2039, "Client order ID is not correct for this order ID.")


def filter_failure(name: str) -> Refused:
    """Say that the order breaks the filter of that name."""
    return Refused(CODE_FILTER_FAILURE, f"Filter failure: {name}")


def stp_not_allowed() -> Refused:
    """Say that the symbol does not offer this self-trade prevention mode."""
    return Refused(CODE_FILTER_FAILURE, STP_NOT_ALLOWED)


def leg_type_not_supported() -> Refused:
    """Say that a type cannot be that leg of a pair."""
    return Refused(
        -1158, "Order type provided in the `aboveType` and/or `belowType` is not supported."
    )


def limit_must_be_below() -> Refused:
    """Say that the limit of a pair that buys lies below the market."""
    return Refused(-1165, "A limit order in a buy OCO must be below.")


def limit_must_be_above() -> Refused:
    """Say that the limit of a pair that sells lies above the market."""
    return Refused(-1166, "A limit order in a sell OCO must be above.")


def no_leg_is_contingent() -> Refused:
    """Say that both legs of a pair are limit orders."""
    return Refused(-1168, "At least one OCO order must be contingent.")


def duplicate_parameter() -> Refused:
    """Say that a parameter was sent twice."""
    return Refused(-1101, "Duplicate values for a parameter detected.")


def missing_parameter(name: str) -> Refused:
    """Say that a mandatory parameter is missing or malformed."""
    return Refused(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def missing_either(first: str, second: str) -> Refused:
    """Say that neither of two alternative parameters was sent."""
    return Refused(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def empty_parameter(name: str) -> Refused:
    """Say that an optional parameter was sent without a value."""
    return Refused(-1105, f"Parameter '{name}' was empty.")


def unneeded_parameter(name: str) -> Refused:
    """Say that a parameter does not go with the rest of the request."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def illegal_characters(name: str, legal: str) -> Refused:
    """Say that a value is not of the form that its parameter has."""
    return Refused(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def too_precise(name: str) -> Refused:
    """Say that a number has more decimals than its asset."""
    return Refused(-1111, f"Parameter '{name}' has too much precision.")


def bad_combination() -> Refused:
    """Say that optional parameters do not go together."""
    return Refused(-1128, "Combination of optional parameters invalid.")


def bad_parameter_data(name: str) -> Refused:
    """Say that a value is well formed but means nothing."""
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def range_too_long() -> Refused:
    """Say that startTime and endTime are too far apart."""
    return Refused(-1127, "More than 24 hours between startTime and endTime.")


def invalid_time_in_force() -> Refused:
    """Say that the time in force is not GTC, IOC or FOK."""
    return Refused(-1115, "Invalid timeInForce.")


def invalid_order_type() -> Refused:
    """Say that the order type is none of the protocol."""
    return Refused(-1116, "Invalid orderType.")


def invalid_side() -> Refused:
    """Say that the side is neither BUY nor SELL."""
    return Refused(-1117, "Invalid side.")


def invalid_interval() -> Refused:
    """Say that the interval is none of those that klines come in."""
    return Refused(-1120, "Invalid interval.")


def invalid_time_unit() -> Refused:
    """Say that times come in no such unit."""
    return Refused(
        -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    )


def invalid_symbol() -> Refused:
    """Say that the symbol is not listed."""
    return Refused(-1121, "Invalid symbol.")


def invalid_cancel_restrictions() -> Refused:
    """Say that the restriction is neither ONLY_NEW nor ONLY_PARTIALLY_FILLED."""
    return Refused(-1145, "Invalid cancelRestrictions")


def invalid_json() -> Refused:
    """Say that the message is no JSON object of the request form."""
    return Refused(-1135, "Invalid JSON Request")


def unknown_method() -> Refused:
    """Say that the method does not exist here."""
    return Refused(-1020, "This operation is not supported.")


def outside_receive_window() -> Refused:
    """Say that the request is older than its recvWindow. It was not executed."""
    return Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_server() -> Refused:
    """Say that the request is stamped a second or more into the venue's future."""
    return Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def receive_window_too_long() -> Refused:
    """Say that the recvWindow is above its maximum."""
    return Refused(-1131, "recvWindow must be less than 60000")


def bad_signature() -> Refused:
    """Say that the signature does not verify."""
    return Refused(-1022, "Signature for this request is not valid.")


def bad_key_format() -> Refused:
    """Say that the API key is not of the form of a key."""
    return Refused(-2014, "API-key format invalid.", STATUS_UNAUTHORIZED)


def unknown_key() -> Refused:
    """Say that no account has registered the API key, or it may not do this."""
    return Refused(-2015, "Invalid API-key, IP, or permissions for action.", STATUS_UNAUTHORIZED)


def not_authorized() -> Refused:
    """Say that the session is not logged on, or the key cannot log on."""
    return Refused(-1002, "You are not authorized to execute this request.", STATUS_UNAUTHORIZED)


def already_subscribed() -> Refused:
    """Say that the account's events already come to this connection."""
    return Refused(-2035, "User Data Stream subscription is already active.")


def not_subscribed() -> Refused:
    """Say that the subscription to be closed is not open."""
    return Refused(-2036, "User Data Stream subscription is not active.")


def no_subscriptions_left() -> Refused:
    """Say that a connection has used up its subscription ids."""
    return Refused(-2042, "User Data Stream subscription limit reached.")


def too_much_weight(limit: int, window: str, retry_at_ms: int) -> Refused:
    """Say that the request weight of this window is used up."""
    return Refused(
        CODE_TOO_MANY_REQUESTS,
        f"Too much request weight used; current limit is {limit} request weight per {window}. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        STATUS_TOO_MANY_REQUESTS,
        retry_at_ms,
    )


def too_many_orders(limit: int, window: str, retry_at_ms: int) -> Refused:
    """Say that the unfilled orders of this window are used up."""
    return Refused(
        CODE_TOO_MANY_ORDERS,
        f"Too many new orders; current limit is {limit} orders per {window}.",
        STATUS_TOO_MANY_REQUESTS,
        retry_at_ms,
    )


def overloaded() -> Refused:
    """Say that there is no room for the request now. It was not executed."""
    return Refused(
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        STATUS_UNAVAILABLE,
    )


def timed_out() -> Refused:
    """Say that nobody knows what became of the request."""
    return Refused(
        -1007,
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown.",
        STATUS_TIMEOUT,
    )


def server_failed() -> Refused:
    """Say that something broke; what became of the request is not known."""
    return Refused(
        -1000, "An unknown error occurred while processing the request.", STATUS_SERVER_ERROR
    )


def internal_error() -> Refused:
    """Say that something broke inside; what became of the request is not known."""
    return Refused(
        -1001,
        "Internal error; unable to process your request. Please try again.",
        STATUS_SERVER_ERROR,
    )


def unexpected_response() -> Refused:
    """Say that the message bus answered nonsense; what became of the request is not known."""
    return Refused(
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
        STATUS_SERVER_ERROR,
    )


def banned(until_ms: int) -> Refused:
    """Say that the client's address is banned. The request was not executed."""
    return Refused(
        CODE_TOO_MANY_REQUESTS,
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        STATUS_BANNED,
        until_ms,
    )


def page(status: int) -> Refused:
    """Say, as what stands before the venue, that the request ends here."""
    return Refused(-1000, HTTPStatus(status).phrase, status, is_page=True)
