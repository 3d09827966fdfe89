"""A start on a long history: how long a million fills take to fold.

The journal is written through the project's own `Journal`: orders of many strategies, each with
what an order leaves there (prepared, its fills, its end). `entry by entry` is a start that finds no
snapshot, and so is bound by nothing but the length of the history. `from a snapshot` is what a
start of the engine meets: a snapshot, and as many entries behind it as there ever are.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import copyfile
from typing import Final

from genesis.domain.order_ids import OrderIdParts, encode_order_id
from genesis.domain.orders import (
    Fill,
    OrderIntent,
    OrderState,
    OrderType,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.engine.entries import (
    BalanceOpened,
    Entry,
    EpochStarted,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
)
from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import encode_state
from genesis.limits import SNAPSHOT_ENTRIES
from genesis.storage.journal import Journal
from genesis.storage.recovery import recover_ledger
from genesis.units import NANOS_PER_MS, SCALE, Nanos, notional
from genesis.venue.listing import LISTINGS
from scripts.bench_form import BenchForm, Progress, Samples

FILLS: Final = 1_000_000
FILLS_PER_ORDER: Final = 2
FOLD_SECONDS_MAX: Final = 10.0

_STRATEGIES: Final = 120
_SYMBOLS: Final = tuple(LISTINGS)[:20]
_GROUP: Final = 1_000
_START: Final[Nanos] = 1_780_000_000_000 * NANOS_PER_MS
_SPACING: Final[Nanos] = 50 * NANOS_PER_MS
_QUANTITY: Final = SCALE // 1_000
_PRICE: Final = 60_000 * SCALE
_FEE: Final = notional(_PRICE, _QUANTITY) // 1_000


def main(argv: Sequence[str] | None = None) -> int:
    """Write the history, and start on it again and again."""
    form = BenchForm(__doc__ or "")
    form.parser.set_defaults(rounds=3)
    form.parser.add_argument("--fills", type=int, default=FILLS)
    form.parser.add_argument("--fills-per-order", type=int, default=FILLS_PER_ORDER)
    form.parser.add_argument("--directory", type=Path, help="for the journals, some GB")
    arguments = form.parse(argv)
    with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=arguments.directory) as name:
        cut, whole = Path(name) / "cut.journal.db", Path(name) / "whole.journal.db"
        entries = write_history(cut, arguments.fills, arguments.fills_per_order)
        copyfile(cut, whole)
        with closing(sqlite3.connect(whole, isolation_level=None)) as connection:
            connection.execute("DELETE FROM snapshots")
        megabytes = whole.stat().st_size / 1e6
        seconds = form.run_rounds(
            {
                "entry by entry": partial(start_on, whole, arguments.fills, entries),
                "from a snapshot": partial(start_on, cut, arguments.fills, SNAPSHOT_ENTRIES),
            },
            "s",
        )
    form.add_figure("entries", Samples((float(entries),), ""))
    form.add_figure("journal", Samples((megabytes,), "MB"))
    each = tuple(1e6 * taken / entries for taken in seconds["entry by entry"].values)
    form.add_figure("time of an entry", Samples(each, "us"))
    form.at_most("start, entry by entry", seconds["entry by entry"], FOLD_SECONDS_MAX)
    form.at_most("start, from a snapshot", seconds["from a snapshot"], FOLD_SECONDS_MAX)
    return form.finish()


def write_history(path: Path, fills: int, fills_per_order: int) -> int:
    """Write a journal with so many fills, and a snapshot; return how many entries it has."""
    orders, rest = divmod(fills, fills_per_order)
    if rest:
        raise SystemExit(f"--fills: {fills} is no multiple of {fills_per_order}")
    entries = len(_opening()) + orders * (fills_per_order + 2)
    snapshot_at = max(1, entries - SNAPSHOT_ENTRIES)
    history = _history(orders, fills_per_order)
    ledger = Ledger()
    journal = Journal(path, "venue")
    progress = Progress(entries // _GROUP)
    while True:
        until_snapshot = snapshot_at - journal.sequence
        group = list(islice(history, min(_GROUP, until_snapshot) if until_snapshot > 0 else _GROUP))
        if not group:
            break
        journal.append(group)
        for entry in group:
            ledger.apply(entry)
        if journal.sequence == snapshot_at:
            journal.save_snapshot(encode_state(ledger.state))
        journal.checkpoint()
        progress.show("writing")
        progress.advance()
    progress.clear()
    assert journal.sequence == entries, "the history is as long as was reckoned"
    journal.close()
    return entries


def start_on(path: Path, fills: int, entries: int) -> float:
    """Recover a ledger as the executor does; return how many seconds it took."""
    start = time.perf_counter()
    journal = Journal(path, "venue")
    recovered = recover_ledger(journal)
    took = time.perf_counter() - start
    journal.close()
    assert recovered.ledger.state.fills_booked == fills, "every fill is in the books"
    assert recovered.entries_read == min(entries, journal.sequence)
    return took


def _opening() -> list[Entry]:
    return [EpochStarted(1, "", _START), BalanceOpened("USDT", 10**9 * SCALE, _START)]


def _history(orders: int, fills_per_order: int) -> Iterator[Entry]:
    """Yield the entries of an account whose strategies buy and sell by turns."""
    yield from _opening()
    trade_id = 0
    for number in range(orders):
        at = _START + (number + 1) * _SPACING
        strategy, sequence = number % _STRATEGIES + 1, number // _STRATEGIES + 1
        intent = _intent(strategy, sequence, fills_per_order, at)
        base_asset = intent.symbol.removesuffix("USDT")
        yield OrderPrepared(
            signal=SignalId(strategy, 1, sequence),
            attempt=1,
            intent=intent,
            base_asset=base_asset,
            quote_asset="USDT",
            timestamp_ms=at // NANOS_PER_MS,
            receive_window_ms=2_000,
            signal_at=at,
            at=at,
        )
        for _ in range(fills_per_order):
            trade_id += 1
            fill = Fill(
                symbol=intent.symbol,
                trade_id=trade_id,
                client_order_id=intent.client_order_id,
                venue_order_id=number + 1,
                side=intent.side,
                price=_PRICE,
                quantity=_QUANTITY,
                quote_amount=notional(_PRICE, _QUANTITY),
                fee=_FEE,
                fee_asset="USDT",
                is_maker=False,
                traded_at=at,
            )
            yield FillBooked(fill, at)
        yield OrderMoved(
            client_order_id=intent.client_order_id,
            state=OrderState.FILLED,
            venue_order_id=number + 1,
            filled_quantity=intent.quantity,
            reason="",
            at=at,
        )


def _intent(strategy: int, sequence: int, fills: int, at: Nanos) -> OrderIntent:
    is_entry = sequence % 2 == 1
    return OrderIntent(
        client_order_id=encode_order_id(
            OrderIdParts(
                account="00", strategy_number=strategy, epoch=1, sequence=sequence, attempt=1
            )
        ),
        strategy_id=f"strategy-{strategy}",
        symbol=_SYMBOLS[strategy % len(_SYMBOLS)],
        instrument_id=strategy % len(_SYMBOLS),
        side=Side.BUY if is_entry else Side.SELL,
        action=SignalAction.ENTER if is_entry else SignalAction.EXIT,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=fills * _QUANTITY,
        limit_price=0,
        reference_price=_PRICE,
        stop_price=0,
        target_price=0,
        expires_at=at + NANOS_PER_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
