"""The canary: small orders, tried first and watched, until books have agreed for long enough."""

from collections.abc import Sequence

import msgspec
import pytest

from genesis.domain.orders import OrderState, Refusal, Side
from genesis.engine.account_summary import summarize
from genesis.engine.canary import CanaryPhase, CanaryRules
from genesis.engine.effects import Announce, FetchInstruments, TryOrder
from genesis.engine.entries import CanaryBegun, CanaryPassed, CanaryServed, Entry, SignalRefused
from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import decode_state, encode_state
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import NoAnswer, Rejected, Valid
from genesis.status import CanarySummary
from genesis.units import SCALE, Nanos, notional
from tests.support.builders import CAPITAL, LOT, NOW, PRICE, SECOND, btc, quote, report
from tests.support.desk import ORDER, Desk, filled

CAP = 90 * SCALE
MINUTE = 60 * SECOND
RULES = CanaryRules(program="1.0", max_notional=CAP, duration=10 * MINUTE)
USDT = {"USDT": CAPITAL}


def canary_desk(journal: Sequence[Entry] = (), epoch: int = 1, program: str = "1.0") -> Desk:
    """Return a desk that trades under a canary, with the venue's first view taken in."""
    rules = CanaryRules(program=program, max_notional=CAP, duration=10 * MINUTE)
    return Desk(journal, epoch, canary=rules).start()


def see_market(desk: Desk, now: Nanos = NOW, instruments: tuple[int, ...] = (0, 1)) -> Desk:
    """Show quotes, then let the time of `now` come."""
    quotes = {row: quote(row, received_at=now) for row in instruments}
    desk.take(desk.core.on_quotes(quotes, now))
    return desk.tick(now)


def tried(desk: Desk) -> list[str]:
    """Return the symbols that the venue is asked about."""
    return [effect.order.intent.symbol for effect in desk.effects if isinstance(effect, TryOrder)]


def pass_tests(desk: Desk) -> Desk:
    """Let the venue say yes to every order that is tried."""
    for symbol in tried(see_market(desk)):
        desk.take(desk.core.canary.on_order_test(symbol, Valid(), NOW))
    return desk


def refusal(desk: Desk) -> Refusal | None:
    """Return our own no to the last signal, if there was one."""
    entry = desk.journal[-1]
    return entry.refusal if isinstance(entry, SignalRefused) else None


def phase_of(desk: Desk) -> CanaryPhase | None:
    return desk.core.canary.phase


def state_of(desk: Desk) -> EngineState:
    return desk.core.state


def events(desk: Desk) -> list[str]:
    return [effect.event for effect in desk.effects if isinstance(effect, Announce)]


def agree(desk: Desk, begin: Nanos, end: Nanos | None = None) -> Desk:
    """Compare books that are equal: once, or every half minute from a time to another."""
    for at in range(begin, begin + SECOND if end is None else end + 1, MINUTE // 2):
        desk.view(USDT, now=at)
    return desk


def test_without_a_canary_nothing_is_held_back(desk: Desk) -> None:
    """Where none is asked for, entries are as large as the limits allow, from the start."""
    see_market(desk)
    assert tried(desk) == []
    assert phase_of(desk) is None
    desk.judge(quantity=10 * LOT)
    assert "SubmitOrder" in desk.kinds()


def test_one_order_of_each_instrument_is_tried_first() -> None:
    """It is as large as the cap allows, judged by risk as any other, and asked for once."""
    desk = see_market(canary_desk())
    orders = [effect.order.intent for effect in desk.effects if isinstance(effect, TryOrder)]
    assert [order.symbol for order in orders] == ["BTCUSDT", "ETHUSDT"]
    worth = notional(orders[0].reference_price, orders[0].quantity)
    assert CAP - notional(PRICE, LOT) < worth <= CAP
    assert len({order.client_order_id for order in orders}) == 2
    assert tried(see_market(desk)) == []
    assert phase_of(desk) is CanaryPhase.TESTING


def test_an_instrument_waits_for_its_market() -> None:
    """Without a fresh quote risk lets no order through; it is said once, and tried again."""
    desk = see_market(canary_desk(), instruments=(1,))
    assert tried(desk) == ["ETHUSDT"]
    assert desk.core.canary.untested == ("BTCUSDT", "ETHUSDT")
    desk.take(desk.core.on_quotes({0: quote(0, received_at=NOW - MINUTE)}, NOW))
    assert events(desk.tick(NOW)) == ["order_test_put_off"]
    assert events(desk.tick(NOW + 6 * SECOND)) == []
    assert tried(see_market(desk, NOW + 20 * SECOND, (0,))) == ["BTCUSDT"]


def test_a_suspended_symbol_is_not_asked_of() -> None:
    """It takes no orders, so it holds nothing up; it is tried when it trades again."""
    desk = canary_desk()
    halted = msgspec.structs.replace(btc(1, "ETHUSDT", "ETH"), status="HALT")
    desk.take(desk.core.on_listing(FetchInstruments(("ETHUSDT",)), (halted,), NOW))
    assert tried(see_market(desk)) == ["BTCUSDT"]
    desk.take(desk.core.canary.on_order_test("BTCUSDT", Valid(), NOW))
    assert phase_of(desk) is CanaryPhase.CAPPED
    trading = msgspec.structs.replace(halted, status="TRADING")
    desk.take(desk.core.on_listing(FetchInstruments(("ETHUSDT",)), (trading,), NOW))
    assert tried(see_market(desk)) == ["ETHUSDT"]


def test_no_entry_before_its_symbol_s_order_was_tried() -> None:
    """The refusal names the rule; once the venue has said yes, the same wish passes."""
    desk = canary_desk()
    desk.judge(1)
    refused = refusal(desk)
    assert refused is not None
    assert (refused.rule.value, refused.limit) == ("canary", "order.test passed")
    pass_tests(desk)
    desk.judge(2)
    assert "SubmitOrder" in desk.kinds()


def test_an_order_that_the_venue_would_refuse_halts_for_good() -> None:
    """Key, form or filters are wrong: a person must look, also after a restart."""
    desk = see_market(canary_desk())
    no = Rejected(-2015, "Invalid API-key, IP, or permissions for action.", retryable=False)
    desk.take(desk.core.canary.on_order_test("BTCUSDT", no, NOW))
    assert state_of(desk) is EngineState.HALTED
    reborn = canary_desk(desk.journal, epoch=2)
    assert state_of(reborn) is EngineState.HALTED
    assert phase_of(reborn) is CanaryPhase.FAILED
    assert "order.test of BTCUSDT refused: -2015" in reborn.core.ledger.state.halt_reason
    assert tried(see_market(reborn)) == []


def test_a_question_without_an_answer_is_put_again_later() -> None:
    """Silence proves nothing; the venue is not pressed either."""
    desk = see_market(canary_desk())
    desk.take(desk.core.canary.on_order_test("BTCUSDT", NoAnswer("no reply"), NOW))
    assert tried(see_market(desk, NOW + SECOND)) == []
    assert tried(see_market(desk, NOW + 5 * SECOND)) == ["BTCUSDT"]


def test_entries_are_sized_to_the_cap_and_larger_wishes_are_refused() -> None:
    """What Genesis sizes fits; what a strategy sizes itself is judged."""
    desk = pass_tests(canary_desk())
    desk.judge(1)
    worth = desk.core.ledger.working_entry_notional()
    assert CAP - notional(PRICE, LOT) < worth <= CAP
    desk.answer(filled(quantity=LOT), now=NOW)
    desk.judge(2, strategy_number=8, instrument_id=1, quantity=2 * LOT)
    refused = refusal(desk)
    assert refused is not None
    assert refused.rule.value == "canary"


def test_an_exit_passes_whatever_its_size() -> None:
    """A cap must never lock us into what it exists to prevent."""
    before = Desk().start().judge(quantity=10 * LOT).answer(filled(1, 10 * LOT, 10 * LOT))
    desk = Desk(before.journal, epoch=2, canary=RULES).start()
    desk.judge(2, side=Side.SELL, quantity=10 * LOT, position=10 * LOT)
    assert "SubmitOrder" in desk.kinds()


def test_only_time_between_equal_books_counts_and_enough_of_it_passes() -> None:
    """Once it has passed, entries are no longer capped, also after a restart."""
    desk = pass_tests(canary_desk())
    agree(desk, NOW, NOW + 4 * MINUTE)
    assert phase_of(desk) is CanaryPhase.CAPPED
    assert desk.core.canary.remaining == 6 * MINUTE
    agree(desk, NOW + 4 * MINUTE, NOW + 10 * MINUTE)
    assert isinstance(desk.journal[-1], CanaryPassed)
    assert phase_of(desk) is CanaryPhase.PASSED
    reborn = canary_desk(desk.journal, epoch=2)
    assert phase_of(reborn) is CanaryPhase.PASSED
    reborn.judge(quantity=10 * LOT)
    assert "SubmitOrder" in reborn.kinds()


def test_books_are_compared_when_the_time_is_over() -> None:
    """The end is seen then, not at whatever comparison comes next."""
    desk = pass_tests(canary_desk())
    assert "Reconcile" in desk.tick(NOW).kinds(), "time counts from a comparison on"
    agree(desk, NOW, NOW + 9 * MINUTE)
    last = NOW + 10 * MINUTE - 7 * SECOND
    agree(desk.tick(last), last)
    assert "Reconcile" not in desk.tick(last + 6 * SECOND).kinds()
    assert "Reconcile" in desk.tick(last + 7 * SECOND).kinds()


def test_time_without_the_engine_does_not_count() -> None:
    """A crash skips nothing: what was served stays, what was missed is made up for."""
    desk = agree(pass_tests(canary_desk()), NOW, NOW + 4 * MINUTE)
    assert isinstance(desk.journal[-1], CanaryServed)
    reborn = canary_desk(desk.journal, epoch=2)
    assert tried(see_market(reborn)) == [], "what was tried is known"
    assert reborn.core.canary.remaining == 6 * MINUTE
    agree(reborn, NOW + 60 * MINUTE)
    assert reborn.core.canary.remaining == 5 * MINUTE, "of a silent hour, one minute"
    agree(reborn, NOW + 60 * MINUTE, NOW + 65 * MINUTE)
    assert phase_of(reborn) is CanaryPhase.PASSED


def test_time_does_not_count_before_every_order_was_tried() -> None:
    """Half the instruments would not be watched."""
    desk = see_market(canary_desk(), instruments=(0,))
    desk.take(desk.core.canary.on_order_test("BTCUSDT", Valid(), NOW))
    agree(desk, NOW, NOW + 5 * MINUTE)
    assert desk.core.canary.remaining == RULES.duration


def test_the_first_difference_halts_at_its_second_reading() -> None:
    """Without a canary a difference may stand for ten seconds, since lists lag; here for two."""
    desk = pass_tests(canary_desk())
    off_by_one = {"USDT": CAPITAL - 1}
    desk.view(off_by_one, now=NOW + SECOND)
    assert state_of(desk) is EngineState.RUNNING
    desk.view(off_by_one, now=NOW + 3 * SECOND)
    assert state_of(desk) is EngineState.HALTED
    assert "balances differ: USDT" in desk.core.ledger.state.halt_reason
    assert phase_of(canary_desk(desk.journal, epoch=2)) is CanaryPhase.FAILED


def test_a_difference_of_one_reading_is_a_list_that_lagged() -> None:
    """Books that agree again have agreed all along."""
    desk = agree(pass_tests(canary_desk()), NOW)
    desk.view({"USDT": CAPITAL - 1}, now=NOW + SECOND)
    agree(desk, NOW + 2 * SECOND)
    assert state_of(desk) is EngineState.RUNNING
    assert desk.core.canary.remaining == RULES.duration - 2 * SECOND


def test_after_a_failure_a_person_s_word_begins_it_anew() -> None:
    """Whatever was wrong, all of it is to be shown again."""
    desk = agree(pass_tests(canary_desk()), NOW, NOW + 9 * MINUTE)
    desk.take(desk.core.halt("by hand", NOW + 9 * MINUTE))
    desk.take(desk.core.resume(NOW + 20 * MINUTE, accept_differences=False))
    assert phase_of(desk) is CanaryPhase.TESTING
    assert desk.core.canary.remaining == RULES.duration
    agree(pass_tests(desk), NOW + 21 * MINUTE)
    assert desk.core.canary.remaining == RULES.duration, "the time before the halt is not counted"


def test_an_order_that_should_not_be_halts_all() -> None:
    """Outside a canary it halts its strategy; within, it is a mismatch of books like any other."""
    desk = pass_tests(canary_desk())
    stranger = report(OrderState.ACCEPTED, client_order_id="G00-7-9-1-10")
    desk.take(desk.core.on_execution_report(stranger, NOW))
    desk.tick(NOW)
    assert state_of(desk) is EngineState.HALTED
    assert desk.core.ledger.state.halt_reason.startswith("canary: ema_cross-1 was halted: ")
    assert events(desk.tick(NOW + SECOND)) == [], "it is said once"


def test_another_program_begins_its_own() -> None:
    """What one version has shown says nothing of the next."""
    desk = agree(pass_tests(canary_desk()), NOW, NOW + 10 * MINUTE)
    reborn = canary_desk(desk.journal, epoch=2, program="1.1")
    assert phase_of(reborn) is CanaryPhase.TESTING
    begun = [entry.program for entry in reborn.journal if isinstance(entry, CanaryBegun)]
    assert begun == ["1.0", "1.1"]


@pytest.mark.parametrize("fills", [0, 1])
def test_its_end_says_how_much_was_watched(fills: int) -> None:
    """A canary without a fill has shown little, and is told as a warning."""
    desk = pass_tests(canary_desk())
    balances = {"USDT": CAPITAL}
    if fills:
        desk.judge(quantity=LOT).answer(filled(), ORDER)
        balances = {asset: desk.core.ledger.expected_balance(asset) for asset in ("USDT", "BTC")}
    for half in range(21):
        desk.view(balances, now=NOW + half * MINUTE // 2)
    (passed,) = [
        effect
        for effect in desk.effects
        if isinstance(effect, Announce) and effect.event == "canary_passed"
    ]
    assert passed.fields == {"orders": fills, "fills": fills}
    assert passed.severity == ("info" if fills else "warning")


def test_a_stored_state_keeps_it() -> None:
    """A start that reads a snapshot knows as much as one that reads every entry."""
    desk = agree(pass_tests(canary_desk()), NOW, NOW + 4 * MINUTE)
    state = decode_state(encode_state(desk.core.ledger.state))
    assert Ledger(state).state.canary == desk.core.ledger.state.canary


def test_the_parent_is_told_how_far_it_is() -> None:
    """Phase, cap, the time left to the next full second, and how many symbols are to be tried."""
    desk = see_market(canary_desk())
    assert summarize(desk.core, NOW).canary == CanarySummary(
        phase="testing", max_notional="90.00000000", remaining_s=600, untested=2
    )
    for symbol in ("BTCUSDT", "ETHUSDT"):
        desk.take(desk.core.canary.on_order_test(symbol, Valid(), NOW))
    agree(desk, NOW, NOW + 1)
    agree(desk, NOW + SECOND // 2)
    assert summarize(desk.core, NOW).canary == CanarySummary(
        phase="capped", max_notional="90.00000000", remaining_s=600, untested=0
    )
    desk.take(desk.core.halt("by hand", NOW))
    summary = summarize(desk.core, NOW)
    assert summary.canary is not None
    assert (summary.canary.phase, summary.halt_reason) == ("failed", "by hand")
