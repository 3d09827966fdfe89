"""How the engine's status reads."""

import msgspec
import pytest

from genesis.cli.status import render_health, render_status_line, render_status_page
from genesis.status import LiquidationSummary, RiskSummary, StatusDocument
from tests.support.statuses import TRADING


def changed(**changes: object) -> StatusDocument:
    """Return the trading engine's status with some facts changed."""
    return msgspec.convert(msgspec.to_builtins(TRADING) | changes, StatusDocument)


def test_the_line_tells_time_health_money_and_counts_in_this_order() -> None:
    """What an operator looks for first stands first, since a narrow terminal cuts the end off."""
    assert render_status_line(TRADING) == (
        "01:02:05  healthy  equity 100,012.35 (P&L +12.35)  98 fills  120 orders  532 signals  "
        "119 strategies  403 msg/s  1 restarts  2 gaps"
    )


def test_a_loss_shows_its_sign() -> None:
    """Realized and unrealized together are what the engine has made or lost."""
    line = render_status_line(changed(realized_pnl="-1000.005", unrealized_pnl="0"))

    assert "(P&L -1,000.00)" in line


def test_health_names_the_worst_first() -> None:
    """Books that differ from the venue's outrank all; then the first problem, with their number."""
    assert render_health(TRADING) == "healthy"
    assert render_health(changed(state="stopping")) == "stopping"
    assert render_health(changed(problems=["feed is silent"])) == "feed is silent"
    assert render_health(changed(problems=["a", "b", "c"])) == "a (+2)"
    assert render_health(changed(problems=["a"], ledger_equal=False)) == "LEDGER DIFFERS"
    assert render_health(changed(halt_reason="by hand", ledger_equal=False)) == "HALTED"


BINDS = "entries up to 20.00, 00:24:10 still to be confirmed"


def canary(phase: str, untested: int = 0) -> dict[str, object]:
    """Return how far a canary is."""
    return {"phase": phase, "max_notional": "20.0", "remaining_s": 1450, "untested": untested}


@pytest.mark.parametrize(
    ("how_far", "says"),
    [
        (canary("testing", 2), f"testing, 2 symbols still to be tried, {BINDS}"),
        (canary("capped"), f"capped, {BINDS}"),
        (canary("passed"), "passed"),
        (canary("failed"), "failed"),
    ],
    ids=["testing", "capped", "passed", "failed"],
)
def test_the_page_tells_how_far_a_canary_is(how_far: dict[str, object], says: str) -> None:
    """Its phase, and while it binds what it allows and for how long."""
    assert f"canary      {says}\n" in render_status_page(changed(canary=how_far))
    is_under_way = "," in says
    assert ("(canary)" in render_health(changed(canary=how_far))) == is_under_way


def test_the_page_tells_how_the_records_stand() -> None:
    """How far, how far behind, where, and what to do; nothing before they are heard of."""
    records = {"place": "the records /r.db", "recorded": 12, "behind": 3, "advice": ""}
    page = render_status_page(changed(records=records))
    assert "records     12 entries, 3 behind; the records /r.db\n" in page
    page = render_status_page(changed(records=records | {"advice": "move them"}))
    assert "3 behind; the records /r.db; move them\n" in page
    assert "records     " not in render_status_page(TRADING)


def test_the_page_says_what_losses_have_left() -> None:
    """And what is not bought for a while; the one line says it unless something is worse."""
    risk = RiskSummary(
        state="reduced",
        cause="5000.00000000, 5.00 % of 100000.00000000 below the highest equity",
        drawdown="5000",
        day_loss="12.345",
        pauses={"BTCUSDT": "flash_crash: fell 600 bps"},
    )
    left = ("0.5 BTCUSDT of ema_cross-1: suspended",)
    closing = LiquidationSummary(is_over=False, orders=2, lots=1, dust=1, left=left)
    status = msgspec.structs.replace(TRADING, risk=risk, liquidation=closing)
    page = render_status_page(status)
    assert (
        "risk        reduced: 5000.00000000, 5.00 % of 100000.00000000 below the highest equity; "
        "5,000.00 below the highest equity, 12.34 lost today\n"
    ) in page
    assert "paused      BTCUSDT: flash_crash: fell 600 bps\n" in page
    assert (
        "closing     2 orders and 1 positions are left, 1 too small for the venue\n"
        "            0.5 BTCUSDT of ema_cross-1: suspended\n"
    ) in page
    over = msgspec.structs.replace(closing, is_over=True, orders=0, lots=0, dust=0, left=())
    page_of_end = render_status_page(msgspec.structs.replace(status, liquidation=over))
    assert "closing     everything of ours is closed\n" in page_of_end
    assert "RISK REDUCED" in render_status_line(status)
    assert "risk        active; 0.00 below" in render_status_page(TRADING)


def test_the_page_shows_how_well_the_capital_does() -> None:
    """Drawdown and day, who made and who lost most, and what belongs to no strategy."""
    result = {"realized": "3.5", "unrealized": "-1", "trips": 4, "wins": 3, "losses_in_row": 0}
    lost = result | {"realized": "-7", "wins": 1, "losses_in_row": 2}
    page = render_status_page(
        changed(
            results={
                "peak_equity": "101000.5",
                "drawdown": "0.01250000",
                "day_profit": "12.3",
                "best": [result | {"strategy_id": "ema-1"}],
                "worst": [lost | {"strategy_id": "rsi-2"}],
                "house": {"BTC": "0.00000850"},
                "unvalued_fees": {"BNB": "0.00100000"},
            }
        )
    )
    assert "drawdown    1.25% below the peak of 101,000.50, today +12.30\n" in page
    assert "best        ema-1 +2.50 (3 of 4 won)\n" in page
    assert "worst       rsi-2 -8.00 (1 of 4 won, 2 lost in a row)\n" in page
    assert "house       0.00000850 BTC\n" in page
    assert "fees 3.33 and 0.00100000 BNB that have no price\n" in page
    assert "best " not in render_status_page(TRADING)


def test_the_page_says_why_trading_is_halted() -> None:
    """The reason is what an operator has to look into."""
    page = render_status_page(changed(halt_reason="balances differ: USDT ours 2, venue 1"))

    assert "halted      balances differ: USDT ours 2, venue 1\n" in page


def test_the_page_names_what_was_dropped_and_refused() -> None:
    """Bad frames and refused signals are counted by reason; reasons without a count stay away."""
    page = render_status_page(TRADING)

    assert "dropped     3 crossed\n" in page
    assert "refused     7 data_age\n" in page
    assert "orders      120 sent, 4 open, 1 in doubt, 98 fills\n" in page
    assert "ledger      equals the venue's\n" in page


def test_the_page_shows_what_is_used_of_the_venues_limits() -> None:
    """With what they cost us, and whether the venue is trusted."""
    counts = "weight_1m 120/6000, orders_10s 3/100; 4 requests held, 1 refused for rate"
    assert f"venue       {counts}; breaker closed\n" in render_status_page(TRADING)
    page = render_status_page(changed(throttled_for_ms=1500, breaker="open"))
    assert f"venue       {counts}, wants none for 1500 ms; breaker open\n" in page


def test_the_page_names_suspended_symbols() -> None:
    """With the venue's word for it; where every symbol trades, there is no such line."""
    page = render_status_page(changed(suspended={"ETHUSDT": "HALT", "BTCUSDT": "BREAK"}))

    assert "suspended   BTCUSDT (BREAK), ETHUSDT (HALT)\n" in page
    assert "suspended" not in render_status_page(TRADING)


def test_the_page_shows_what_others_do_on_the_account() -> None:
    """Counts, symbols and the last orders; an account that is ours alone has no such lines."""
    order = {
        "client_order_id": "web_1",
        "symbol": "SOLEUR",
        "side": "BUY",
        "state": "filled",
        "quantity": "2.00000000",
        "filled_quantity": "2.00000000",
    }
    external = {
        "orders": 3,
        "open_orders": 1,
        "fills": 4,
        "symbols": {"SOLEUR": 1, "BTCUSDT": 2},
        "last_orders": [order],
    }
    page = render_status_page(changed(external=external))

    assert (
        "external    3 orders seen, 1 open, 4 fills; by symbol: 2 BTCUSDT, 1 SOLEUR\n"
        "            SOLEUR BUY 2.00000000 of 2.00000000 filled web_1\n"
    ) in page
    assert "external" not in render_status_page(TRADING)


def test_the_page_has_a_row_for_each_process_and_stage() -> None:
    """Each child and each hop of a message stands in its own row."""
    rows = [line.split() for line in render_status_page(TRADING).splitlines()]

    assert ["worker-0", "4712", "running", "5", "1", "40", "38.2", "12.5"] in rows
    assert ["socket_to_published", "9", "31", "100", "400"] in rows


def test_an_engine_that_has_seen_nothing_yet_has_a_page_too() -> None:
    """The status can be asked for from the first moment on."""
    page = render_status_page(
        StatusDocument(
            state="starting",
            pid=1,
            uptime_s=0,
            mode="sim",
            market="model",
            tier="sniper",
            problems=("venue is starting",),
        )
    )

    assert page.startswith("00:00:00  venue is starting  no account yet  0 fills")
    assert "ledger      not compared yet\n" in page
    assert "dropped     none\n" in page
    assert "problem     venue is starting\n" in page
    assert "stage" not in page


def test_the_page_names_the_strategies_that_are_refused_most() -> None:
    """Five of them, the most refused first; who wants all asks `genesis refusals`."""
    assert "refused of  ema-1 5, ema-2 2\n" in render_status_page(TRADING)
    many = changed(refusals_by_strategy={f"s{n}": n for n in range(1, 8)})
    assert "refused of  s7 7, s6 6, s5 5, s4 4, s3 3, ...\n" in render_status_page(many)
    assert "refused of" not in render_status_page(changed(refusals_by_strategy={}))


def test_the_page_tells_how_positions_stand_at_the_venue() -> None:
    """The good news alone if that is all; else what the others are, and the worst of them."""
    covered = {"covered": 3}
    assert "protection  3 positions with a live stop\n" in render_status_page(
        changed(protection=covered)
    )
    mixed = covered | {
        "uncovered": 1,
        "exiting": 2,
        "dust": 4,
        "longest_ms": 1200,
        "worst": "ema_cross-1 BTCUSDT",
    }
    assert (
        "protection  3 positions with a live stop, 1 without, 2 being sold, 4 too small for one, "
        "ema_cross-1 BTCUSDT for 1200 ms\n"
    ) in render_status_page(changed(protection=mixed))
