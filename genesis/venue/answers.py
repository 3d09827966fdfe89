"""The venue's answers by their code, for faults that give one out of turn.

Wordings and meanings are of `binance-spot.md` section 11. No client matches the words of those that
a venue says only to requests which were wrong from the start: they stand here alone.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from genesis.venue import refusals
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import RateLimits

_LIMITS: Final = RateLimits()

_Make: TypeAlias = Callable[[int], Refused]


class Answer(NamedTuple):
    """One code's answer. `make` takes the ms at which to come back, which not all of them say.

    `is_definite` says that the request was not executed; the others leave that open.
    """

    make: _Make
    is_definite: bool = True


def _always(refusal: Callable[[], Refused]) -> _Make:
    return lambda _: refusal()


def _too_much_weight(at_ms: int) -> Refused:
    return refusals.too_much_weight(_LIMITS.weight.limit, _LIMITS.weight.window_text, at_ms)


def _too_many_orders(at_ms: int) -> Refused:
    return refusals.too_many_orders(_LIMITS.orders.limit, _LIMITS.orders.window_text, at_ms)


_WRONG_FROM_THE_START: Final[dict[int, str]] = {
    -1016: "This service is no longer available.",
    -1034: "Too many concurrent connections.",
    -1103: "An unknown parameter was sent.",
    -1104: "Not all sent parameters were read.",
    -1107: "Parameter was empty.",
    -1108: "Parameter overflowed.",
    -1112: "No orders on book for symbol.",
    -1114: "TimeInForce parameter sent when not required.",
    -1122: "Invalid symbolStatus.",
    -1125: "This listenKey does not exist.",
    -1134: "strategyType was less than 1000000.",
    -1151: "Symbol is present multiple times in the list.",
    -1220: "The symbol's status does not match the requested symbolStatus.",
    -2008: "Invalid Api-Key ID.",
    -2016: "No trading window could be found for the symbol.",
    -2021: "Order cancel-replace partially failed.",
    -2022: "Order cancel-replace failed.",
    -2026: "Order was canceled or expired with no executed qty over 90 days ago and is archived.",
    -2038: "This order could not be amended.",
    -2043: "This symbol doesn't have a reference price.",
}
_ORDER_LIST_CODES: Final = (*range(-1193, -1157), *range(-1199, -1194), -1210, -1211)
_PLACED_BY_PROCEEDS_CODES: Final = range(-1225, -1221)


def _words(code: int, text: str) -> Answer:
    return Answer(lambda _: Refused(code, text))


ANSWERS: Final[dict[int, Answer]] = {
    **{code: _words(code, text) for code, text in _WRONG_FROM_THE_START.items()},
    **{code: _words(code, "Invalid order list.") for code in _ORDER_LIST_CODES},
    **{code: _words(code, "Invalid OPO order list.") for code in _PLACED_BY_PROCEEDS_CODES},
    -1000: Answer(_always(refusals.server_failed), is_definite=False),
    -1001: Answer(_always(refusals.internal_error), is_definite=False),
    -1002: Answer(_always(refusals.not_authorized)),
    -1003: Answer(_too_much_weight),
    -1006: Answer(_always(refusals.unexpected_response), is_definite=False),
    -1007: Answer(_always(refusals.timed_out), is_definite=False),
    -1008: Answer(_always(refusals.overloaded)),
    -1013: Answer(lambda _: refusals.filter_failure("PERCENT_PRICE_BY_SIDE")),
    -1015: Answer(_too_many_orders),
    -1021: Answer(_always(refusals.outside_receive_window)),
    -1020: Answer(_always(refusals.unknown_method)),
    -1022: Answer(_always(refusals.bad_signature)),
    -1100: Answer(
        lambda _: refusals.illegal_characters("newClientOrderId", refusals.CLIENT_ORDER_ID_RANGE)
    ),
    -1101: Answer(_always(refusals.duplicate_parameter)),
    -1102: Answer(lambda _: refusals.missing_parameter("timestamp")),
    -1105: Answer(lambda _: refusals.empty_parameter("price")),
    -1106: Answer(lambda _: refusals.unneeded_parameter("timeInForce")),
    -1111: Answer(lambda _: refusals.too_precise("quantity")),
    -1115: Answer(_always(refusals.invalid_time_in_force)),
    -1116: Answer(_always(refusals.invalid_order_type)),
    -1117: Answer(_always(refusals.invalid_side)),
    -1120: Answer(_always(refusals.invalid_interval)),
    -1121: Answer(_always(refusals.invalid_symbol)),
    -1127: Answer(_always(refusals.range_too_long)),
    -1128: Answer(_always(refusals.bad_combination)),
    -1130: Answer(lambda _: refusals.bad_parameter_data("symbol")),
    -1131: Answer(_always(refusals.receive_window_too_long)),
    -1135: Answer(_always(refusals.invalid_json)),
    -1145: Answer(_always(refusals.invalid_cancel_restrictions)),
    -1194: Answer(_always(refusals.invalid_time_unit)),
    -2010: Answer(lambda _: refusals.new_order_rejected(refusals.INSUFFICIENT_BALANCE)),
    -2011: Answer(lambda _: refusals.cancel_rejected()),
    -2013: Answer(_always(refusals.order_not_found)),
    -2014: Answer(_always(refusals.bad_key_format)),
    -2015: Answer(_always(refusals.unknown_key)),
    -2035: Answer(_always(refusals.already_subscribed)),
    -2036: Answer(_always(refusals.not_subscribed)),
    -2039: Answer(_always(refusals.ids_disagree)),
    -2042: Answer(_always(refusals.no_subscriptions_left)),
}


def answer(code: int, retry_at_ms: int, text: str = "") -> Refused:
    """Return the answer of a known code, in other words than the usual if `text` is not empty."""
    usual = ANSWERS[code].make(retry_at_ms)
    return Refused(usual.code, text or usual.text, usual.status, usual.retry_at_ms)
