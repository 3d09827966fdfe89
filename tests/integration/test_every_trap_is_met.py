"""Which test shows what the client does where the venue's fact sheet says that clients fail.

The lists are the sheet's own: traps (section 13), errors (section 11) and the faults that a
simulated venue must play (section 16, point 10). Each has a test, or a reason why this client never
meets it; and each test that is named exists.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import pytest

from genesis.venue.fault_documents import KINDS
from tests.support.error_codes import (
    EXECUTION_UNKNOWN,
    FORBIDDEN,
    NO_PROOF,
    ORDER_LIST_RULES,
    REFUSED,
    RETRYABLE,
)
from tests.support.sheet import (
    SHEET,
    errors_of_the_sheet,
    faults_of_the_sheet,
    traps_of_the_sheet,
)

TESTS: Final = Path(__file__).parents[1]
SOURCE: Final = TESTS.parent / "genesis" / "exchange"

needs_sheet: Final = pytest.mark.skipif(
    not SHEET.is_file(), reason=f"{SHEET} is not on this host: nothing to compare with"
)


class Unused(NamedTuple):
    """A trap on a way that this client never takes: it names `method` nowhere."""

    method: str


Shown: TypeAlias = tuple[str, ...] | Unused

THREADS: Final = "integration/test_traps_of_real_threads.py::"
ERRORS: Final = "integration/test_errors_cost_no_order.py::"
SESSIONS: Final = "integration/test_gateway_sessions.py::"
ROTATION: Final = "integration/test_gateway_rotation.py::"
FEED: Final = "integration/test_feed_process.py::"
DOUBTS: Final = "integration/test_doubts_are_resolved_over_rest.py::"
RATES: Final = "integration/test_rate_limits_are_kept.py::"
FEED_ROTATION: Final = "integration/test_feed_rotation.py::"
OTHERS: Final = "integration/test_others_trade_on_the_account.py::"
SIGNING: Final = "unit/exchange/binance/test_signing.py::"
FEED_SESSION: Final = "unit/workers/test_feed_session.py::"
REST: Final = "integration/test_rest_path.py::"
ORDERS: Final = "integration/test_gateway_orders.py::"
DISK: Final = "integration/test_disk_failures.py::"
RULES: Final = "integration/test_rules_change_while_trading.py::"

TRAPS: Final[dict[str, Shown]] = {
    "listenKey endpoints answer 410 with HTML": (
        SESSIONS + "test_a_private_key_logs_on_once_and_subscribes",
        REST + "test_a_question_is_not_answered_and_says_why",
    ),
    "user stream not resubscribed after reconnect": (
        SESSIONS + "test_a_lost_session_comes_back_subscribed",
        THREADS + "test_a_stream_that_comes_back_is_subscribed_and_what_it_missed_is_booked",
    ),
    "eventStreamTerminated some seconds after start; subscribe without logon gives -1104": (
        THREADS + "test_a_stream_that_comes_back_is_subscribed_and_what_it_missed_is_booked",
        ROTATION + "test_an_ended_event_stream_is_a_gap",
        SESSIONS + "test_a_private_key_logs_on_once_and_subscribes",
    ),
    "HMAC/RSA cannot logon": (
        SESSIONS + "test_a_shared_secret_signs_each_request",
        ORDERS + "test_a_shared_secret_trades_without_logon",
        SIGNING + "test_another_private_key_is_a_configuration_error",
    ),
    "several consumers share one listenKey/subscription": (
        THREADS + "test_each_consumer_has_a_subscription_of_its_own",
    ),
    "event before the order reply; fills only as x=TRADE": (
        THREADS + "test_reply_and_events_in_any_order_are_one_order",
    ),
    "fills or closing event missed": (
        THREADS + "test_an_end_that_no_event_told_of_is_found_in_time",
        THREADS + "test_reply_and_events_in_any_order_are_one_order",
    ),
    "duplicated fills after reconnect or from two sources": (
        THREADS + "test_reply_and_events_in_any_order_are_one_order",
        ROTATION + "test_a_change_amid_orders_loses_and_doubles_nothing",
    ),
    'retry after timeout / -1007 places twice, or "Duplicate order sent." hides a success': (
        ERRORS + "test_an_order_that_may_have_been_executed_is_looked_up",
        ERRORS + "test_a_duplicate_is_the_first_one_alive",
    ),
    "-2013 right after placing": (
        ERRORS + "test_an_order_that_a_query_does_not_find_yet_is_not_lost",
    ),
    "-2011 on cancel of a filled order": (
        THREADS + "test_a_cancel_that_comes_too_late_books_the_fill",
    ),
    "cancelAll with nothing open is -2011": Unused("cancelAll"),
    "`c` is the cancel id, `C` the order's": (
        OTHERS + "test_an_order_of_ours_that_its_owner_cancels_is_ours_still",
    ),
    "CANCELED with executed > 0": (
        THREADS + "test_an_order_that_ends_half_filled_is_a_partial_fill",
    ),
    "cancelReplace 409/400 body is not a plain error": Unused("cancelReplace"),
    "fee taken from the bought asset / BNB runs out / dust": (
        THREADS + "test_the_asset_of_the_fee_may_change_from_fill_to_fill",
        ORDERS + "test_balances_are_the_fold_over_the_fills",
    ),
    "clock drift, -1021; signed request waiting in a local queue": (
        THREADS + "test_a_clock_that_steps_costs_a_refusal_and_no_order",
        DISK + "test_an_order_that_the_disk_kept_too_long_is_not_sent",
    ),
    "snapshot older than buffer, wrong seam, gap not noticed": (
        FEED + "test_snapshot_is_asked_for_until_it_fits",
        FEED + "test_lost_update_rebuilds_the_book",
    ),
    "1008 Too many requests by subscribing too fast or ping frames": (
        FEED_ROTATION + "test_a_venue_that_finds_us_too_fast_is_asked_more_slowly",
    ),
    "socket alive but silent": (
        DOUBTS + "test_a_socket_that_went_mute_holds_nothing_up",
        ROTATION + "test_a_stream_that_fell_silent_is_found_by_its_first_order",
        FEED_SESSION + "test_a_subscription_that_stays_silent_is_asked_for_again",
    ),
    "IP bans through polling or snapshots": (
        RATES + "test_a_ban_keeps_every_connection_away_until_it_is_lifted",
        RATES + "test_a_storm_of_signals_never_earns_a_refusal_for_rate",
    ),
    "-1015 / -1008 during bursts": (
        RATES + "test_a_refusal_of_orders_is_waited_out_and_cancels_go_on",
        ERRORS + "test_a_refusal_for_now_is_followed_by_a_new_order",
    ),
    "non-ASCII symbols break signing or regexes": (
        THREADS + "test_a_symbol_that_is_not_ascii_breaks_nothing",
        REST + "test_what_is_signed_is_what_is_sent",
    ),
    "first delta before subscribe ack": (
        FEED + "test_events_that_overtake_their_subscription_count",
    ),
}

ANSWERED: Final[dict[tuple[int, ...], Shown]] = {
    REFUSED: (ERRORS + "test_a_final_refusal_ends_the_order",),
    ORDER_LIST_RULES: (ERRORS + "test_a_final_refusal_ends_the_order",),
    FORBIDDEN: (ERRORS + "test_who_may_not_trade_stops",),
    RETRYABLE: (ERRORS + "test_a_refusal_for_now_is_followed_by_a_new_order",),
    EXECUTION_UNKNOWN: (
        ERRORS + "test_an_order_that_may_have_been_executed_is_looked_up",
        ERRORS + "test_an_order_that_was_not_executed_is_proven_dead",
    ),
    NO_PROOF: (
        ERRORS + "test_an_order_that_was_not_executed_is_proven_dead",
        ERRORS + "test_a_cancel_is_repeated_until_the_order_has_ended",
        ERRORS + "test_a_query_is_repeated_until_it_is_answered",
        ERRORS + "test_an_archived_order_never_was",
    ),
    (-1013,): (RULES + "test_a_coarser_tick_costs_one_refusal",),
    (-2010,): (
        ERRORS + "test_the_engines_words_are_final",
        ERRORS + "test_an_account_that_may_not_trade_stops",
    ),
    (-2035, -2042): (ROTATION + "test_a_refused_subscription_is_understood",),
}
"""Each code is answered to an order, whether a venue would or not; some have further scenes."""

FAULTS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "delay/lose/duplicate replies": (
        ("reply_delayed", "reply_lost", "reply_doubled"),
        (
            THREADS + "test_reply_and_events_in_any_order_are_one_order",
            DOUBTS + "test_an_order_that_was_executed_is_found_and_booked",
        ),
    ),
    "event before reply": (
        ("event_first",),
        (THREADS + "test_reply_and_events_in_any_order_are_one_order",),
    ),
    "-1007 with and without execution": (
        ("answered",),
        (
            ERRORS + "test_an_order_that_may_have_been_executed_is_looked_up",
            ERRORS + "test_an_order_that_was_not_executed_is_proven_dead",
        ),
    ),
    "503 HTML with execution": (
        ("error_page",),
        (ERRORS + "test_an_order_without_an_answer_is_looked_up",),
    ),
    "-2013 for N ms after placement": (
        ("order_hidden", "answered"),
        (ERRORS + "test_an_order_that_a_query_does_not_find_yet_is_not_lost",),
    ),
    "-2011 race": (
        ("cancel_overtaken",),
        (THREADS + "test_a_cancel_that_comes_too_late_books_the_fill",),
    ),
    "stale depth snapshot": (
        ("snapshot_stale",),
        (FEED + "test_snapshot_is_asked_for_until_it_fits",),
    ),
    "sequence gap": (("frame_lost",), (FEED + "test_lost_update_rebuilds_the_book",)),
    "connection cut in mid-order": (
        ("request_cut", "connection_cut"),
        (ERRORS + "test_an_order_without_an_answer_is_looked_up",),
    ),
    "user stream silent": (
        ("stream_silenced",),
        (THREADS + "test_a_stream_that_falls_silent_hides_no_fill",),
    ),
    "429/418": (
        ("answered", "address_banned"),
        (
            RATES + "test_a_refusal_for_weight_is_waited_out_by_everything",
            RATES + "test_a_ban_keeps_every_connection_away_until_it_is_lifted",
        ),
    ),
    "clock skew": (
        ("clock_stepped",),
        (THREADS + "test_a_clock_that_steps_costs_a_refusal_and_no_order",),
    ),
    "eventStreamTerminated": (
        ("user_streams_terminated",),
        (THREADS + "test_a_stream_that_comes_back_is_subscribed_and_what_it_missed_is_booked",),
    ),
    "duplicate event": (
        ("event_doubled",),
        (THREADS + "test_reply_and_events_in_any_order_are_one_order",),
    ),
    "1008": (
        ("connection_closed",),
        (FEED_ROTATION + "test_a_venue_that_finds_us_too_fast_is_asked_more_slowly",),
    ),
    "CANCEL_ONLY/HALT symbol": (
        ("symbol_halted",),
        (
            RULES + "test_a_halted_symbol_is_suspended_and_resumed",
            RULES + "test_a_resting_order_is_canceled_where_only_cancels_are_taken",
        ),
    ),
    "price-range expiry": (
        ("price_range_set",),
        (THREADS + "test_an_order_beyond_the_price_range_expires",),
    ),
    "BNB exhausted between fills": (
        ("funds_moved",),
        (THREADS + "test_the_asset_of_the_fee_may_change_from_fill_to_fill",),
    ),
}
"""Which faults of the simulated venue play each, and which test has the client meet it."""


def _named() -> Iterator[str]:
    for shown in (*TRAPS.values(), *ANSWERED.values()):
        if not isinstance(shown, Unused):
            yield from shown
    for _kinds, tests in FAULTS.values():
        yield from tests


@functools.cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("name", sorted(set(_named())))
def test_a_test_that_is_named_exists(name: str) -> None:
    """A test that is renamed or dropped is missed here."""
    path, _, test = name.partition("::")
    assert test in _tests_in(TESTS / path)


@pytest.mark.parametrize("unused", [shown for shown in TRAPS.values() if isinstance(shown, Unused)])
def test_what_is_never_asked_is_in_no_request(unused: Unused) -> None:
    """Once a client asks it, the trap needs a test. What a method would cost is no request."""
    sources = [path for path in SOURCE.rglob("*.py") if path.name != "request_costs.py"]
    assert [path.name for path in sources if unused.method in path.read_text()] == []


def test_the_venue_plays_every_fault() -> None:
    """Under the names that its schedules and its admin call take."""
    assert {kind for kinds, _ in FAULTS.values() for kind in kinds} <= KINDS.keys()


@needs_sheet
def test_every_trap_of_the_sheet_is_met() -> None:
    """None is missing, and none is made up."""
    assert list(TRAPS) == traps_of_the_sheet()


@needs_sheet
def test_every_error_of_the_sheet_is_met() -> None:
    """Each in one row that says what it proves, and perhaps in scenes of its own."""
    assert {code for codes in ANSWERED for code in codes} == errors_of_the_sheet()


@needs_sheet
def test_every_fault_of_the_sheet_is_played() -> None:
    """By the simulated venue, to the client."""
    assert list(FAULTS) == faults_of_the_sheet()
