"""The executor of an engine under attack: the real one, with a fuse, or with a part taken out."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from genesis.clock import EngineClock
from genesis.engine.engine import TradingEngine
from genesis.engine.entries import Entry, SignalId
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.resolution import Resolver
from genesis.exchange.binance.venue_path import BinancePath
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.ipc.links import RingSubscriber
from genesis.storage import entry_chain
from genesis.storage.journal import Journal
from genesis.storage.journal_writer import JournalWriter
from genesis.units import NANOS_PER_MS
from scripts.campaign.fuses import Point, set_fuse
from scripts.campaign.lavishness import spend_freely
from scripts.campaign.plan import Control, plan_of_this_process
from workers import executor
from workers.process import ChildContext, run_child

POINTS: Final = (
    Point("judged, nothing written", JournalWriter, "begin_commit"),
    Point("commit handed to the thread", Journal, "append"),
    Point("durable, nobody knows", Journal, "append", is_after=True),
    Point("durable, not sent", WsGateway, "submit_prepared"),
    Point("sent, not answered", WsGateway, "submit_prepared", is_after=True),
    Point("answered, not booked", ExecutionCore, "on_submit_outcome"),
    Point("answer judged, not committed", ExecutionCore, "on_submit_outcome", is_after=True),
    Point("event came, not booked", TradingEngine, "on_user_event"),
    Point("verdicts durable, ring not moved", RingSubscriber, "commit"),
    Point("ring moved", RingSubscriber, "commit", is_after=True),
    Point("cancel not sent", BinancePath, "cancel", passages_max=6),
    Point("asking for an order", BinancePath, "query", passages_max=4),
    Point("order asked for, not judged", ExecutionCore, "on_query_outcome", passages_max=4),
    Point(
        "order asked for, not committed",
        ExecutionCore,
        "on_query_outcome",
        is_after=True,
        passages_max=4,
    ),
    Point("recovery begins", ExecutionCore, "start", passages_max=1),
    Point("recovery looks at the account", BinancePath, "open_orders", passages_max=1),
    Point("recovery has its view", ExecutionCore, "on_venue_view", passages_max=1),
    Point("recovery is done", ExecutionCore, "on_venue_view", is_after=True, passages_max=1),
)

_WRITE_BEHIND_S: Final = 0.25


async def run(context: ChildContext) -> None:
    """Be the executor, for as long as the fuse allows."""
    plan = plan_of_this_process()
    spend_freely()
    if plan.control is not None:
        _take_out(plan.control, context.clock)
    if plan.boot_id:
        _believe_in_boot(plan.boot_id, context.settings.state_dir)
    set_fuse(plan, POINTS, context.spec, context.settings.state_dir)
    await executor.run(context)


def _believe_in_boot(boot_id: str, state_dir: Path) -> None:
    """Let the executor read this machine's boot id from a file of ours."""
    path = state_dir / "boot_id"
    path.write_text(boot_id)
    assert "_BOOT_ID" in vars(executor), "the executor reads its boot id elsewhere now"
    vars(executor)["_BOOT_ID"] = path


def _take_out(control: Control, clock: EngineClock) -> None:
    match control:
        case "no-fence":
            _put(Resolver, "is_behind_fence", _believe_at_once)
        case "local-clock":
            _look_at_own_clock(clock)
        case "no-journal":
            _put(JournalWriter, "begin_commit", _write_behind)
        case "no-dedup":
            _put(Ledger, "is_judged", _judge_again)
            vars(entry_chain)["unique_key"] = _name_nothing


def _put(owner: type, function: str, other: Callable[..., object]) -> None:
    """Put another function in the place of one that must be there."""
    assert function in vars(owner), f"{owner.__name__}.{function} is gone: look for its successor"
    setattr(owner, function, other)


def _believe_at_once(_resolver: Resolver, _order: Order, _venue_ms: int) -> bool:
    """Take every "not found" for final."""
    return True


def _judge_again(_ledger: Ledger, _signal: SignalId) -> bool:
    """Never remember a verdict."""
    return False


def _name_nothing(_entry: Entry) -> None:
    """Let the journal hold anything twice."""


def _look_at_own_clock(clock: EngineClock) -> None:
    """Sign and fence by this machine's clock, where the protocol says the venue's."""

    def timestamp_ms(_gateway: WsGateway) -> int:
        return clock.now() // NANOS_PER_MS

    async def venue_time_ms(_path: BinancePath) -> int:
        return clock.now() // NANOS_PER_MS

    _put(WsGateway, "timestamp_ms", timestamp_ms)
    _put(BinancePath, "venue_time_ms", venue_time_ms)


def _write_behind(writer: JournalWriter, entries: Sequence[Entry]) -> None:
    """Send first, and write a moment later."""
    asyncio.get_running_loop().call_later(_WRITE_BEHIND_S, writer._journal.append, entries)


if __name__ == "__main__":
    run_child(run)
