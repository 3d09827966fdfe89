"""Protective pairs: what a stop and a target must be to protect one position."""

import msgspec
import pytest

from genesis.domain.order_lists import OrderListIntent, form_error
from genesis.domain.orders import OrderType, Side, SignalAction
from genesis.units import SCALE
from tests.support.builders import LOT, PRICE, pair


def test_a_stop_below_a_target_is_a_pair() -> None:
    """Both legs sell the same lots of one strategy; the stop comes first."""
    good = pair()
    assert form_error(good) == ""
    assert good.legs == (good.stop, good.target)
    assert good.symbol == "BTCUSDT"


@pytest.mark.parametrize("order_type", list(OrderType), ids=lambda kind: kind.name)
def test_only_a_stop_stops_and_only_what_waits_above_is_a_target(order_type: OrderType) -> None:
    """A market order protects nothing, and two stops are none."""
    price = 0 if order_type.trades_at_market else PRICE * 2
    trigger = PRICE * 2 if order_type.is_conditional else 0
    as_target = pair(
        target={"order_type": order_type, "limit_price": price, "trigger_price": trigger}
    )
    as_stop = pair(stop={"order_type": order_type})

    assert (form_error(as_stop) == "") is order_type.is_stop
    is_target = order_type.name in ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
    assert (form_error(as_target) == "") is is_target


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"quantity": 2 * LOT}, "quantity", id="other lots"),
        pytest.param({"symbol": "ETHUSDT"}, "symbol", id="another symbol"),
        pytest.param({"strategy_id": "hunter-1"}, "strategy_id", id="another strategy"),
        pytest.param({"client_order_id": "G00-7-1-1-11"}, "same", id="one id twice"),
        pytest.param({"client_order_id": "G00-7-1-1-1z"}, "same", id="the id of the list"),
        pytest.param({"limit_price": PRICE * 99 // 100}, "below", id="at the stop"),
        pytest.param({"limit_price": 0}, "below", id="no price at all"),
    ],
)
def test_legs_that_do_not_fit_are_named(changed: dict[str, object], words: str) -> None:
    """What is wrong is said in words, and nothing of it is sent."""
    assert words in form_error(pair(target=changed))


def test_a_stop_without_a_trigger_is_none() -> None:
    """A trigger of 0 would never be reached."""
    assert "below" in form_error(pair(stop={"trigger_price": 0}))


def test_a_pair_closes_a_position() -> None:
    """A spot account has no shorts to protect: a pair that buys is refused."""
    wrong = pair()
    buying = {"side": Side.BUY, "action": SignalAction.ENTER}
    both = OrderListIntent(
        list_client_order_id=wrong.list_client_order_id,
        stop=msgspec.structs.replace(wrong.stop, **buying),
        target=msgspec.structs.replace(wrong.target, **buying),
    )
    assert form_error(both) == "it does not close a position"


def test_a_conditional_target_is_bound_by_both_of_its_prices() -> None:
    """A target that is triggered above the stop, and then sells below it, is none."""
    conditional = {"order_type": OrderType.TAKE_PROFIT_LIMIT, "trigger_price": PRICE * 2}
    assert form_error(pair(target=conditional | {"limit_price": PRICE * 2})) == ""
    assert "below" in form_error(pair(target=conditional | {"limit_price": SCALE}))
