"""Client order ids that say whose they are: account, strategy, epoch, sequence, attempt and leg.

The form is `G<account>-<strategy>-<epoch>-<sequence>-<attempt><leg>`, all numbers in base 36
(digits, then lower-case letters) without leading zeros. An id decodes without the journal, so an
order found at the venue names the signal that caused it even on a new host. The venue's own rule is
`^[a-zA-Z0-9-_]{1,36}$` (`binance-spot.md` section 7.3).
"""

import hashlib
import re
from typing import Final

import msgspec

ORDER_ID_CHARS_MAX: Final = 36
ACCOUNT_TAG_CHARS: Final = 2
STRATEGY_NUMBER_MAX: Final = 2**16 - 1
EPOCH_MAX: Final = 2**32 - 1
SEQUENCE_MAX: Final = 2**64 - 1
ATTEMPT_MAX: Final = 35
LEG_MAX: Final = 35

LEG_SINGLE: Final = 0
LEG_STOP: Final = 1
LEG_TARGET: Final = 2
LEG_LIST: Final = LEG_MAX
"""Not an order: the id of the list itself, which the venue counts apart from those of orders."""

_BASE: Final = 36
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ACCOUNT_TAG: Final = re.compile(rf"[0-9a-z]{{{ACCOUNT_TAG_CHARS}}}")
_NUMBER: Final = r"(0|[1-9a-z][0-9a-z]*)"
_FORM: Final = re.compile(
    rf"G([0-9a-z]{{{ACCOUNT_TAG_CHARS}}})-{_NUMBER}-{_NUMBER}-{_NUMBER}-([0-9a-z])([0-9a-z])"
)


class OrderIdParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a client order id of ours says.

    `(strategy_number, epoch, sequence)` is the signal; `attempt` counts the linked intents that
    followed definite refusals of the first; `leg` is LEG_SINGLE for an order of its own, else which
    part of its protection the order is (a stop alone is a LEG_STOP too).
    """

    account: str
    strategy_number: int
    epoch: int
    sequence: int
    attempt: int = 0
    leg: int = 0


def account_tag(account: str) -> str:
    """Return the two characters that stand for an account in its order ids.

    Two accounts may share a tag: it keeps apart the few accounts of one desk, it identifies none.
    """
    digest = int.from_bytes(hashlib.sha256(account.encode()).digest(), "big")
    return _base36(digest % _BASE**ACCOUNT_TAG_CHARS).rjust(ACCOUNT_TAG_CHARS, "0")


def encode_order_id(parts: OrderIdParts) -> str:
    """Return the client order id of `parts`; equal parts give equal ids, others differ."""
    assert _ACCOUNT_TAG.fullmatch(parts.account), "an account tag is two base-36 digits"
    assert 0 <= parts.strategy_number <= STRATEGY_NUMBER_MAX
    assert 0 <= parts.epoch <= EPOCH_MAX
    assert 0 <= parts.sequence <= SEQUENCE_MAX
    assert 0 <= parts.attempt <= ATTEMPT_MAX
    assert 0 <= parts.leg <= LEG_MAX
    return (
        f"G{parts.account}-{_base36(parts.strategy_number)}-{_base36(parts.epoch)}"
        f"-{_base36(parts.sequence)}-{_DIGITS[parts.attempt]}{_DIGITS[parts.leg]}"
    )


class OrderListIds(msgspec.Struct, frozen=True):
    """The ids of a protective pair: of the list, its stop and its target."""

    order_list: str
    stop: str
    target: str


def order_list_ids(parts: OrderIdParts) -> OrderListIds:
    """Return the ids of the pair that `parts` name; its `leg` does not matter."""

    def encode(leg: int) -> str:
        return encode_order_id(msgspec.structs.replace(parts, leg=leg))

    return OrderListIds(encode(LEG_LIST), encode(LEG_STOP), encode(LEG_TARGET))


def decode_order_id(text: str) -> OrderIdParts | None:
    """Return what a client order id of ours says, or None for an id that is not of our form."""
    match = _FORM.fullmatch(text)
    if match is None or len(text) > ORDER_ID_CHARS_MAX:
        return None
    account, strategy_number, epoch, sequence, attempt, leg = match.groups()
    parts = OrderIdParts(
        account=account,
        strategy_number=int(strategy_number, _BASE),
        epoch=int(epoch, _BASE),
        sequence=int(sequence, _BASE),
        attempt=int(attempt, _BASE),
        leg=int(leg, _BASE),
    )
    in_range = (
        parts.strategy_number <= STRATEGY_NUMBER_MAX
        and parts.epoch <= EPOCH_MAX
        and parts.sequence <= SEQUENCE_MAX
    )
    return parts if in_range else None


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, _BASE)
        digits = _DIGITS[digit] + digits
        if number == 0:
            return digits


assert len(_DIGITS) == _BASE, "every digit has a character"
assert max(ATTEMPT_MAX, LEG_MAX) < _BASE, "attempt and leg are one character each"
assert (
    len("G----")
    + ACCOUNT_TAG_CHARS
    + sum(len(_base36(most)) for most in (STRATEGY_NUMBER_MAX, EPOCH_MAX, SEQUENCE_MAX))
    + len("00")
    <= ORDER_ID_CHARS_MAX
), "the longest id is short enough for the venue"
