"""The venue's answers by their code, for faults that give one out of turn.

Wordings and meanings are of `binance-spot.md` section 11.
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


ANSWERS: Final[dict[int, Answer]] = {
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
    -1022: Answer(_always(refusals.bad_signature)),
    -2010: Answer(lambda _: refusals.new_order_rejected(refusals.INSUFFICIENT_BALANCE)),
    -2011: Answer(lambda _: refusals.cancel_rejected()),
    -2013: Answer(_always(refusals.order_not_found)),
    -2014: Answer(_always(refusals.bad_key_format)),
    -2015: Answer(_always(refusals.unknown_key)),
    -2035: Answer(_always(refusals.already_subscribed)),
    -2042: Answer(_always(refusals.no_subscriptions_left)),
}


def answer(code: int, retry_at_ms: int, text: str = "") -> Refused:
    """Return the answer of a known code, in other words than the usual if `text` is not empty."""
    usual = ANSWERS[code].make(retry_at_ms)
    return Refused(usual.code, text or usual.text, usual.status, usual.retry_at_ms)
