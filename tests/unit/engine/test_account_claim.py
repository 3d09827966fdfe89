"""Whose books a journal holds, and whether the account has what was allotted of it."""

import msgspec

from genesis.domain.orders import Side
from genesis.engine.account_claim import fault_of_account, fault_of_capital
from genesis.engine.entries import AccountBound
from genesis.exchange.gateway import Accepted
from genesis.units import SCALE
from tests.support.builders import CAPITAL, LOT, NOW, PRICE
from tests.support.desk import Desk, filled


def capital_fault(desk: Desk, free: int) -> str:
    return fault_of_capital(desk.core.ledger, desk.core.valuation, free, "USDT")


def test_books_are_bound_to_the_first_account_for_good() -> None:
    """Another key of the same account is welcome, a key of another account is not."""
    desk = Desk()
    assert fault_of_account(desk.core.ledger, 7, "/state") == ""
    desk.take(desk.core.start("boot", NOW, account_id=7))
    assert AccountBound(7, NOW) in desk.journal
    again = Desk(desk.journal, epoch=2)
    again.take(again.core.start("boot", NOW, account_id=7))
    assert [entry for entry in again.journal if isinstance(entry, AccountBound)] == [
        AccountBound(7, NOW)
    ]
    assert fault_of_account(again.core.ledger, 7, "/state") == ""
    fault = fault_of_account(again.core.ledger, 8, "/state")
    assert fault.startswith("state_dir: /state holds the books of account 7, and the key trades on")


def test_an_account_without_a_number_has_no_books() -> None:
    """Nobody could tell it from another."""
    assert "whose account" in fault_of_account(Desk().core.ledger, 0, "/state")


def test_the_account_must_have_what_is_allotted(desk: Desk) -> None:
    """To the last unit; the fault names what is allotted and what is there."""
    assert capital_fault(desk, CAPITAL) == ""
    fault = capital_fault(desk, CAPITAL - 1)
    assert "100000.00000000 USDT are allotted" in fault
    assert "has 99999.99999999 USDT free" in fault


def test_what_is_in_positions_has_been_paid_for(desk: Desk) -> None:
    """Only the rest must be there; a loss is a loss of the capital, a profit belongs to it."""
    desk.judge(quantity=LOT).answer(filled())
    cost = PRICE * LOT // SCALE
    assert capital_fault(desk, CAPITAL - cost) == ""
    assert capital_fault(desk, CAPITAL - cost - 1) != ""
    desk.judge(2, side=Side.SELL, quantity=LOT, position=LOT)
    sale = filled(2)
    order = next(iter(desk.core.ledger.state.live_orders))
    report = _sold(sale, order)
    desk.answer(report, order)
    assert capital_fault(desk, CAPITAL) == ""


def _sold(reply: Accepted, order: str) -> Accepted:
    """Make a reply that of a sale at the same price, under another name."""
    names = {"client_order_id": order, "side": Side.SELL, "venue_order_id": 101}
    return Accepted(
        msgspec.structs.replace(reply.report, **names),
        tuple(msgspec.structs.replace(fill, **names) for fill in reply.fills),
    )


def test_while_orders_are_live_nothing_can_be_said(desk: Desk) -> None:
    """What is missing may be locked in them, or spent already."""
    desk.judge(quantity=LOT)
    assert capital_fault(desk, 0) == ""
