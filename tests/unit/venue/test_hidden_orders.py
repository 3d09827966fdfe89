"""`genesis.venue.hidden_orders`: which orders queries do not find, and for how long."""

from genesis.venue.hidden_orders import HiddenOrders


def test_an_order_is_hidden_until_its_time() -> None:
    """And no other; behind that everybody finds it."""
    hidden = HiddenOrders()
    hidden.hide("new", 100, 200)

    assert hidden.hides("new", 199)
    assert not hidden.hides("new", 200)
    assert not hidden.hides("old", 150)
    assert not hidden.hides("", 150)


def test_what_can_be_seen_is_forgotten() -> None:
    """Each order that is hidden makes room for itself: even a clock set back shows the others."""
    hidden = HiddenOrders()
    hidden.hide("first", 100, 200)
    hidden.hide("second", 300, 400)

    assert not hidden.hides("first", 150)
    assert hidden.hides("second", 350)


def test_hiding_moves_with_the_clock() -> None:
    """A step of the clock makes no lag longer or shorter."""
    hidden = HiddenOrders()
    hidden.hide("new", 100, 200)
    hidden.shift(1_000)

    assert hidden.hides("new", 1_199)
    assert not hidden.hides("new", 1_200)
