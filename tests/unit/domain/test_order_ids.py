"""Client order ids: one form, both ways, and nothing foreign taken for ours."""

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.order_ids import (
    ATTEMPT_MAX,
    EPOCH_MAX,
    LEG_LIST,
    LEG_MAX,
    LEG_STOP,
    LEG_TARGET,
    SEQUENCE_MAX,
    STRATEGY_NUMBER_MAX,
    OrderIdParts,
    account_tag,
    decode_order_id,
    encode_order_id,
    order_list_ids,
)

VENUE_RULE: Final = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")

parts_strategy: Final = st.builds(
    OrderIdParts,
    account=st.from_regex(r"[0-9a-z]{2}", fullmatch=True),
    strategy_number=st.integers(0, STRATEGY_NUMBER_MAX),
    epoch=st.integers(0, EPOCH_MAX),
    sequence=st.integers(0, SEQUENCE_MAX),
    attempt=st.integers(0, ATTEMPT_MAX),
    leg=st.integers(0, LEG_MAX),
)


@given(parts_strategy)
def test_an_id_says_what_was_put_in(parts: OrderIdParts) -> None:
    """Decoding needs nothing but the id, and the venue's rule for ids is kept."""
    text = encode_order_id(parts)
    assert VENUE_RULE.fullmatch(text)
    assert decode_order_id(text) == parts


@given(parts_strategy, parts_strategy)
def test_two_orders_never_share_an_id(first: OrderIdParts, second: OrderIdParts) -> None:
    """Ids are equal exactly when what they say is."""
    assert (encode_order_id(first) == encode_order_id(second)) == (first == second)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"G[0-9a-z-]{1,40}", fullmatch=True)))
def test_what_decodes_is_what_would_be_encoded(text: str) -> None:
    """There is one text for each order: a second spelling is foreign."""
    parts = decode_order_id(text)
    assert parts is None or encode_order_id(parts) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("web_abc123", id="the venue's web page"),
        pytest.param("x-HNA2TXFJabc", id="another client"),
        pytest.param("G0a-1-2-3-0", id="no leg"),
        pytest.param("G0a-01-2-3-00", id="leading zero"),
        pytest.param("G0A-1-2-3-00", id="capital in the tag"),
        pytest.param("G0a-1-2-3-00\n", id="line end"),
        pytest.param("G0a-1ekg-2-3-00", id="strategy number beyond 16 bits"),
        pytest.param("G0a-1-1z141z4-3-00", id="epoch beyond 32 bits"),
        pytest.param("G0a-1-2-3w5e11264sgsg-00", id="sequence beyond 64 bits"),
        pytest.param("G0a-1-2-" + "1" * 30 + "-00", id="too long"),
    ],
)
def test_a_foreign_id_is_not_ours(text: str) -> None:
    """Orders of other hands are recognized as such, not misread."""
    assert decode_order_id(text) is None


def test_the_form_is_fixed() -> None:
    """Ids outlive the program: the text of an id may never change."""
    parts = OrderIdParts(
        account="0a", strategy_number=119, epoch=7, sequence=1295, attempt=1, leg=2
    )
    assert encode_order_id(parts) == "G0a-3b-7-zz-12"


@given(st.text())
def test_an_account_tag_fits_an_id(account: str) -> None:
    """Any account name has a tag that an id can carry, the same each time."""
    parts = OrderIdParts(account=account_tag(account), strategy_number=1, epoch=1, sequence=1)
    assert decode_order_id(encode_order_id(parts)) == parts
    assert account_tag(account) == account_tag(account)


def test_a_pair_has_an_id_for_itself_and_for_each_leg() -> None:
    """Each says which part it is of; none is that of an order of its own."""
    parts = OrderIdParts(account="00", strategy_number=7, epoch=1, sequence=2, attempt=3)
    ids = order_list_ids(parts)
    decoded = [decode_order_id(text) for text in (ids.order_list, ids.stop, ids.target)]
    assert [part.leg for part in decoded if part] == [LEG_LIST, LEG_STOP, LEG_TARGET]
    assert encode_order_id(parts) not in (ids.order_list, ids.stop, ids.target)
