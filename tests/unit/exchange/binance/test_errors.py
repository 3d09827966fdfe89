"""What error replies prove about an order: certainty has to be earned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.exchange.binance.errors import (
    Finality,
    VenueFault,
    contradicts_listing,
    finality_of,
    forbids_trading,
)


def fault(code: int, reason: str = "", status: int = 400) -> VenueFault:
    """Return an error reply."""
    return VenueFault(status=status, code=code, reason=reason)


@pytest.mark.parametrize("code", [-1003, -1008, -1015, -1021])
@pytest.mark.parametrize("status", [400, 418, 429, 503])
def test_refusals_for_rate_or_time_may_be_followed_by_a_new_intent(code: int, status: int) -> None:
    """The four retryable codes are definite whatever status carries them."""
    assert finality_of(fault(code, status=status)) is Finality.RETRYABLE


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
def test_internal_errors_leave_the_outcome_unknown(code: int) -> None:
    """The venue itself says that it does not know."""
    assert finality_of(fault(code)) is Finality.UNKNOWN


@pytest.mark.parametrize(
    "code", [-1002, -1013, -1022, -1100, -1102, -1106, -1108, -1111, -1121, -1130, -2014, -2015]
)
def test_refusals_before_the_engine_are_final(code: int) -> None:
    """A request that broke a rule reached no book."""
    assert finality_of(fault(code)) is Finality.REFUSED


@pytest.mark.parametrize(
    "reason",
    [
        "Account has insufficient balance for requested action.",
        "Market is closed.",
        "Order would immediately match and take.",
        "Order would trigger immediately.",
        "Market orders are not supported for this symbol.",
        "Quote order qty market orders are not support for this symbol.",
        "OCO orders are not supported for this symbol",
        "This symbol is not permitted for this account.",
        "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
        "WebSocket API trading is not enabled.",
        "Filter failure: MAX_POSITION",
    ],
)
def test_the_engine_refuses_in_known_words(reason: str) -> None:
    """-2010 with a text of the sheet is final."""
    assert finality_of(fault(-2010, reason)) is Finality.REFUSED


@pytest.mark.parametrize("reason", ["Duplicate order sent.", "Words of tomorrow.", ""])
def test_other_words_of_the_engine_prove_nothing(reason: str) -> None:
    """A duplicate means that an order of this id lives, and unknown words may mean anything."""
    assert finality_of(fault(-2010, reason)) is Finality.UNKNOWN


@given(st.integers(-9999, 9999), st.integers(500, 599))
def test_a_server_error_never_refuses(code: int, status: int) -> None:
    """Behind a 5xx status an order may have been executed, unless the code is a retryable one."""
    assert finality_of(fault(code, status=status)) is not Finality.REFUSED


@given(st.integers(-99_999, 99_999).filter(lambda code: not -2100 < code <= -1000))
def test_a_code_without_a_row_proves_nothing(code: int) -> None:
    """What the sheet does not list is queried."""
    assert finality_of(fault(code)) is Finality.UNKNOWN


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (-1013, "Filter failure: LOT_SIZE", True),
        (-1111, "Parameter 'quantity' has too much precision.", True),
        (-1121, "Invalid symbol.", True),
        (-2010, "Filter failure: MAX_POSITION", True),
        (-2010, "Market is closed.", True),
        (-2010, "This symbol is restricted for this account.", True),
        (-2010, "Market orders are not supported for this symbol.", True),
        (-2010, "Account has insufficient balance for requested action.", False),
        (-1021, "Timestamp for this request is outside of the recvWindow.", False),
        (-1003, "Too much request weight used.", False),
    ],
)
def test_a_refusal_by_a_rule_of_the_symbol_contradicts_the_listing(
    code: int,
    reason: str,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """Such an order would not have been sent by the rules as we know them: they are old."""
    assert contradicts_listing(fault(code, reason)) is expected


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (-1002, "You are not authorized to execute this request.", True),
        (-1022, "Signature for this request is not valid.", True),
        (-2008, "Invalid Api-Key ID.", True),
        (-2014, "API-key format invalid.", True),
        (-2015, "Invalid API-key, IP, or permissions for action.", True),
        (-2010, "This account may not place or cancel orders.", True),
        (-2010, "This action is disabled on this account.", True),
        (-2010, "WebSocket API trading is not enabled.", True),
        (-2010, "This symbol is not permitted for this account.", False),
        (-2010, "Account has insufficient balance for requested action.", False),
        (-1013, "Filter failure: LOT_SIZE", False),
        (-1021, "Timestamp for this request is outside of the recvWindow.", False),
    ],
)
def test_a_refusal_of_who_asks_forbids_trading(
    code: int,
    reason: str,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """Every later order would be refused as well; one of another symbol or price might not be."""
    assert forbids_trading(fault(code, reason)) is expected
