"""Names of children: whose they are, of which parent, and that they never meet a signal's."""

from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.child_names import (
    CHILD_NUMBERS_FROM,
    CHILDREN_MAX,
    PARENT_NUMBER_MAX,
    child_number,
    child_sequence,
    owner_number,
    parent_of,
    place_of,
)
from genesis.domain.order_ids import OrderIdParts, decode_order_id, encode_order_id

strategies = st.integers(0, CHILD_NUMBERS_FROM - 1)


@given(strategies, st.integers(1, PARENT_NUMBER_MAX), st.integers(1, CHILDREN_MAX))
def test_a_child_s_id_says_whose_it_is(strategy: int, parent: int, place: int) -> None:
    """Owner, parent and place come back from the client order id alone."""
    parts = OrderIdParts(
        account="00",
        strategy_number=child_number(strategy),
        epoch=3,
        sequence=child_sequence(parent, place),
        attempt=1,
    )
    read = decode_order_id(encode_order_id(parts))

    assert read is not None
    assert owner_number(read.strategy_number) == strategy
    assert parent_of(read.strategy_number, read.sequence) == parent
    assert place_of(read.sequence) == place


@given(strategies, st.integers(0, 2**64 - 1))
def test_a_signal_is_no_child(strategy: int, sequence: int) -> None:
    """Whatever its sequence, a strategy's own number never means a parent."""
    assert parent_of(strategy, sequence) == 0
    assert owner_number(strategy) == strategy
