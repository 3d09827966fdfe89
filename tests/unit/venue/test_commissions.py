"""`genesis.venue.commissions`: what a trade costs, and in which asset."""

from genesis.domain.orders import Side
from genesis.units import SCALE
from genesis.venue.account import Account, Balance
from genesis.venue.commissions import Commission, Commissions
from genesis.venue.exchange import ExchangeRules
from genesis.venue.listing import LISTINGS
from genesis.venue.matching import Execution
from tests.support.venue import NOW, Floor, StillMarket, each, fixed, wish

MAKER, TAKER = SCALE // 1_000, SCALE // 500
TRADE = Execution(fixed("60000"), fixed("0.5"), Side.SELL, None, None)


def commission(
    side: Side, *, free_bnb: str = "0", price: str | None = None, is_maker: bool = False
) -> Commission:
    """Return the commission of a trade in BTCUSDT; with a price of BNB it may be paid in BNB."""
    account = Account(1)
    account.restore("BNB", Balance(free=fixed(free_bnb)))
    bnb_price = None if price is None else fixed(price)
    rates = Commissions(MAKER, TAKER, None if bnb_price is None else lambda _: bnb_price)
    return rates.of(account, LISTINGS["BTCUSDT"], side, TRADE, is_maker=is_maker)


def test_the_received_asset_pays() -> None:
    """Base when buying, quote when selling, by the rate of the part played."""
    assert commission(Side.BUY) == (fixed("0.001"), "BTC")
    assert commission(Side.SELL) == (fixed("60"), "USDT")
    assert commission(Side.SELL, is_maker=True) == (fixed("30"), "USDT")


def test_bnb_pays_less_while_there_is_enough() -> None:
    """Three quarters of the commission's worth at the market; to the last unit, and not beyond."""
    assert commission(Side.BUY, free_bnb="0.075", price="600") == (fixed("0.075"), "BNB")
    assert commission(Side.SELL, free_bnb="0.075", price="600") == (fixed("0.075"), "BNB")
    assert commission(Side.BUY, free_bnb="0.07499999", price="600") == (fixed("0.001"), "BTC")
    assert commission(Side.SELL, free_bnb="9", price="0") == (fixed("60"), "USDT")


def test_bnb_that_is_bought_pays_for_itself() -> None:
    """None need be there before."""
    rates = Commissions(MAKER, TAKER, lambda _: 0)
    trade = Execution(fixed("600"), fixed("2"), Side.SELL, None, None)

    paid = rates.of(Account(1), LISTINGS["BNBUSDT"], Side.BUY, trade, is_maker=False)
    assert paid == (fixed("0.003"), "BNB")


def test_bnb_runs_out_between_two_fills_of_one_order() -> None:
    """The first is charged in BNB, the second in what it receives; balances agree with both."""
    floor = Floor(market=StillMarket(("BTCUSDT", "BNBUSDT")), rules=ExchangeRules(fees_in_bnb=True))
    floor.market.offer("BNBUSDT", Side.SELL, "600", "10")
    floor.market.offer("BTCUSDT", Side.SELL, "60000", "1")
    floor.market.offer("BTCUSDT", Side.SELL, "60600", "1")
    floor.exchange.operations.transfer("BNB", fixed("0.1"), NOW)
    floor.reports()

    floor.place(wish(Side.BUY, "1.5"))

    reports = floor.reports()
    assert [(report["n"], report["N"]) for report in reports if report.get("x") == "TRADE"] == [
        ("0.07500000", "BNB"),
        ("0.00050000", "BTC"),
    ]
    assert each(reports[-1]["B"], "a") == ["USDT", "BTC", "BNB"]
    assert floor.balance("BNB") == (fixed("0.025"), 0)
    assert floor.balance("BTC") == (fixed("3.4995"), 0)


def test_without_a_market_for_it_bnb_pays_nothing() -> None:
    """A venue that does not list it in the quote asset charges as ever."""
    floor = Floor(rules=ExchangeRules(fees_in_bnb=True))
    floor.market.offer("BTCUSDT", Side.SELL, "60000", "1")
    floor.exchange.operations.transfer("BNB", fixed("5"), NOW)
    floor.place(wish(Side.BUY, "1"))

    assert floor.balance("BNB") == (fixed("5"), 0)
    assert floor.balance("BTC") == (fixed("2.999"), 0)
