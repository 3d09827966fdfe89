"""What parent and child say to each other."""

import msgspec
import pytest

from genesis import limits
from genesis.domain.orders import RefusalRule
from genesis.engine.control import (
    AccountSummary,
    Checkpoint,
    Drain,
    Drained,
    Failed,
    Instruct,
    Instructed,
    PauseStrategy,
    PositionSummary,
    Ready,
    Stop,
    Stopped,
    ToChild,
    ToParent,
    Trouble,
    decode_to_child,
    decode_to_parent,
    encode,
    failed,
)
from genesis.errors import LinkError
from genesis.status import (
    ExternalOrderSummary,
    ExternalSummary,
    ParentSummary,
    ProtectionSummary,
    ResultsSummary,
    RiskSummary,
    StrategyResult,
)

SUMMARY = AccountSummary(
    equity="100000.00000001",
    realized_pnl="-1",
    unrealized_pnl="0",
    fees="0.5",
    open_orders=1,
    in_doubt=0,
    fills=3,
    orders=4,
    refusals={"data_age": 2},
    refusals_by_strategy={"ema-1": 2},
    positions=(PositionSummary("ema-1", "BTCUSDT", "0.1", "60000", "0", "1"),),
    ledger_equal=False,
    ledger_differences=("BTC: ours 0.1, theirs 0.2",),
    suspended={"ETHUSDT": "HALT"},
    external=ExternalSummary(orders=1, fills=2, symbols={"BTCUSDT": 1}),
)


@pytest.mark.parametrize(
    "message",
    [Drain(), Stop(), Checkpoint(), PauseStrategy("ema-1"), Instruct(1, "execute", {"a": "b"})],
)
def test_what_a_child_is_told_survives_the_way(message: ToChild) -> None:
    """Every message to a child is read as what was sent."""
    assert decode_to_child(encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Ready({"port": 1}),
        Drained(),
        Stopped({"fills": 2}),
        Failed(78, "no key"),
        Trouble("x"),
        Instructed(1, {"parent": 2}),
        Instructed(1, error="no"),
        SUMMARY,
    ],
)
def test_what_a_child_says_survives_the_way(message: ToParent) -> None:
    """Every message of a child is read as what was sent."""
    assert decode_to_parent(encode(message)) == message


@pytest.mark.parametrize(
    "datagram", [b"", b"{", b"[]", b'{"type":"Quit"}', b'{"type":"Ready","detail":1}']
)
def test_nonsense_is_an_error_on_either_side(datagram: bytes) -> None:
    """An unreadable message is told as such, never guessed at."""
    with pytest.raises(LinkError):
        decode_to_parent(datagram)
    with pytest.raises(LinkError):
        decode_to_child(datagram)


def test_directions_do_not_mix() -> None:
    """A child that sends an order, or a parent that claims to be ready, is not understood."""
    with pytest.raises(LinkError):
        decode_to_child(encode(Ready()))
    with pytest.raises(LinkError):
        decode_to_parent(encode(Stop()))


def test_a_full_account_summary_is_one_message() -> None:
    """The largest number of the longest positions stays below what the kernel takes whole."""
    longest = PositionSummary("s" * 64, "S" * 12, *["-" + "9" * 16] * 4)
    assert len(msgspec.json.encode(longest)) <= limits.ACCOUNT_POSITION_BYTES_MAX
    full = msgspec.structs.replace(SUMMARY, positions=(longest,) * limits.ACCOUNT_POSITIONS_MAX)
    assert len(encode(full)) <= limits.CONTROL_MESSAGE_BYTES_MAX


def test_last_words_are_cut_to_a_line_an_operator_can_read() -> None:
    """An exception's text may be huge; the message that tells of it is not."""
    assert len(failed(70, "x" * 10**6).message) == limits.FAILURE_MESSAGE_CHARS_MAX


def longest_parent(number: str) -> ParentSummary:
    """Return a parent order with the longest words it may have."""
    return ParentSummary(
        number=10**9,
        strategy_id="s" * 64,
        symbol="S" * 16,
        side="SELL",
        algorithm="iceberg",
        quantity=number,
        filled_quantity=number,
        arrival_price=number,
        average_price=number,
        slippage_bps=-1234.567,
        schedule_error=0.123456,
        behind=-0.123456,
        children=10**6,
        opened_at=10**19,
        ended_at=10**19,
        held_by="h" * limits.PARENT_WORDS_CHARS_MAX,
        end="e" * limits.PARENT_WORDS_CHARS_MAX,
    )


def longest_results(number: str) -> ResultsSummary:
    """Return as many results as there may be, each as long as it may be."""
    assets = {f"{n:012}": number for n in range(limits.RESULTS_ASSETS_MAX)}
    result = StrategyResult(
        strategy_id="s" * 64,
        realized=number,
        unrealized=number,
        trips=10**9,
        wins=10**9,
        losses_in_row=10**9,
    )
    several = (result,) * limits.RESULTS_STRATEGIES_MAX
    return ResultsSummary(
        peak_equity=number,
        drawdown=number,
        day_profit=number,
        best=several,
        worst=several,
        house=assets,
        unvalued_fees=assets,
    )


def test_the_rest_of_a_full_summary_is_bounded_too() -> None:
    """All the differences, suspended symbols, foreign orders and rules that it may hold."""
    symbols = [f"{n:016}" for n in range(100)]
    number = "9" * 11 + "." + "9" * 8
    order = ExternalOrderSummary(
        client_order_id="x" * 36,
        symbol=symbols[0],
        side="SELL",
        state="partially_filled",
        quantity=number,
        filled_quantity=number,
    )
    full = msgspec.structs.replace(
        SUMMARY,
        positions=(),
        refusals={rule.value: 10**9 for rule in RefusalRule},
        refusals_by_strategy={f"{n:064}": 10**9 for n in range(limits.ACCOUNT_REFUSED_MAX)},
        ledger_differences=(f"{'A' * 12}: ours -{number}, venue -{number}",)
        * limits.ACCOUNT_DIFFERENCES_MAX,
        suspended=dict.fromkeys(symbols[: limits.ACCOUNT_SUSPENDED_MAX], "NO_SPOT_TRADING"),
        external=ExternalSummary(
            symbols=dict.fromkeys(symbols[: limits.EXTERNAL_SYMBOLS_SHOWN_MAX], 10**6),
            last_orders=(order,) * limits.EXTERNAL_SHOWN_MAX,
        ),
        halt_reason="y" * 200,
        results=longest_results(number),
        parents=(longest_parent(number),) * limits.PARENTS_SHOWN_MAX,
        protection=ProtectionSummary(
            covered=10**6,
            uncovered=10**6,
            exiting=10**6,
            dust=10**6,
            overdue=10**6,
            longest_ms=10**12,
            worst="w" * 100,
        ),
        risk=RiskSummary(
            state="reduce-only",
            cause="z" * 100,
            drawdown=number,
            day_loss=number,
            pauses={f"{n:064}": "w" * 60 for n in range(limits.PAUSES_SHOWN_MAX)},
        ),
    )
    assert len(encode(full)) <= limits.ACCOUNT_REST_BYTES_MAX
