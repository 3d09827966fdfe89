"""Rate limits: what is admitted, what is held and until when, and what replies teach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import Hold
from genesis.exchange.rate_limits import (
    EXECUTOR_SHARES,
    FEED_SHARES,
    RateLimits,
    RateShares,
)
from genesis.exchange.rate_window import RateLimit, Ticket
from genesis.exchange.request_cost import (
    ENTRY_COST,
    EXIT_COST,
    LimitKind,
    Purpose,
    RequestCost,
)
from genesis.limits import (
    BAN_MS,
    BAN_MS_MAX,
    RATE_HALVED_MS,
    RATE_WINDOW_MARGIN_MS,
)
from genesis.units import NANOS_PER_MS
from tests.support.rate_limits import (
    CANCEL,
    MINUTE,
    ORDERS,
    READ,
    RECONCILE,
    SESSION,
    SHORT,
    START,
    USABLE_ORDERS,
    USABLE_WEIGHT,
    WEIGHT,
    admitted,
    fill,
    held,
    make_limits,
    orders,
    used,
    weight,
)


def test_shares_add_up_to_what_is_usable() -> None:
    """Both processes, each at its end, leave the reserve whole."""
    feed, executor = make_limits(FEED_SHARES), make_limits()
    one_by_one = RequestCost(Purpose.READ), RequestCost(Purpose.RECONCILE)
    by_feed = [fill(feed, cost) for cost in one_by_one]
    by_executor = [fill(executor, cost) for cost in one_by_one]

    assert by_feed == [USABLE_WEIGHT * 48 // 100, USABLE_WEIGHT * 2 // 100]
    assert by_executor == [USABLE_WEIGHT * 15 // 100, USABLE_WEIGHT * 35 // 100]
    assert sum(by_feed + by_executor) == USABLE_WEIGHT


def test_reconciliation_and_entries_do_not_starve_each_other() -> None:
    """However much one of them uses, whatever comes first: the other has its share."""
    for first, second, share in (
        (RECONCILE, ENTRY_COST, USABLE_ORDERS),
        (READ, RECONCILE, USABLE_WEIGHT * 35 // 100 // RECONCILE.weight),
    ):
        limits = make_limits()
        fill(limits, first)
        assert fill(limits, second) == share


def test_what_the_feed_uses_leaves_the_executor_its_share() -> None:
    """Also once it is known from a reply: it is the feed's own."""
    limits = make_limits()
    by_feed = USABLE_WEIGHT * 50 // 100
    limits.answer(admitted(limits, CANCEL), [weight(by_feed)], START, has_succeeded=True)

    assert fill(limits, READ) * READ.weight == USABLE_WEIGHT * 15 // 100
    assert fill(limits, RECONCILE) * RECONCILE.weight == USABLE_WEIGHT * 35 // 100


def test_a_hold_names_the_rule_its_limit_and_the_end_of_the_window() -> None:
    """Who is told no is told when to come back: behind the border, clock error included."""
    limits = make_limits()
    fill(limits, READ)
    hold = held(limits, READ)

    assert hold.retry_at_ms == START + MINUTE
    assert hold.reason == (
        "rate_limit: 120 used, 10 more wanted; 120 of 1000 REQUEST_WEIGHT in 60 s for reads"
    )
    assert held(limits, READ, hold.retry_at_ms - 1).retry_at_ms == hold.retry_at_ms


def test_what_is_in_flight_at_the_border_counts_on_both_sides() -> None:
    """The venue may count it before or behind the border; nothing has answered yet."""
    limits = make_limits()
    fill(limits, READ)

    assert isinstance(held(limits, READ, START + MINUTE), Hold)


def test_a_new_window_is_empty_but_for_what_ended_around_its_border() -> None:
    """An answer a while before the border was counted before it; one at the border may not."""
    limits = make_limits()
    early, late = admitted(limits, READ), admitted(limits, RECONCILE)
    limits.answer(early, [weight(10)], START, has_succeeded=True)
    end = START + MINUTE
    limits.answer(
        late, [weight(20)], end - 2 * RATE_WINDOW_MARGIN_MS, has_succeeded=True
    )  # the earliest that may be behind it

    assert used(limits, LimitKind.REQUEST_WEIGHT, end - 1) == 20
    assert used(limits, LimitKind.REQUEST_WEIGHT, end) == RECONCILE.weight
    assert used(limits, LimitKind.REQUEST_WEIGHT, end + MINUTE) == 0


def test_a_share_used_up_at_the_border_is_used_up_behind_it_too() -> None:
    """The other process may have used its own there as well, and neither has heard of it."""
    limits = make_limits()
    end = START + MINUTE
    tickets = [admitted(limits, READ, end - 1) for _ in range(USABLE_WEIGHT * 15 // 100 // 10)]
    for ticket in tickets:
        limits.answer(ticket, [weight(120)], end - 1, has_succeeded=True)

    assert held(limits, READ, end).refusal.observed == "120 used, 10 more wanted"


def test_an_answer_without_a_count_is_added_to_the_counts_of_others() -> None:
    """A reply that was asked for before it may show the count from before it."""
    limits = make_limits()
    shown, mute = admitted(limits, READ), admitted(limits, READ)
    limits.answer(mute, (), START, has_succeeded=True)
    limits.answer(shown, [weight(10)], START, has_succeeded=True)
    assert used(limits, LimitKind.REQUEST_WEIGHT) == 20

    limits.answer(admitted(limits, READ), [weight(30)], START, has_succeeded=True)
    assert used(limits, LimitKind.REQUEST_WEIGHT) == 30


def test_what_others_use_is_learned_from_replies() -> None:
    """Another program has used 520: reads leave what is kept for reconciliation to it."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(520)], START, has_succeeded=True)

    assert "520 used" in held(limits, READ).reason
    assert fill(limits, RECONCILE) * RECONCILE.weight == USABLE_WEIGHT * 35 // 100
    assert fill(limits, CANCEL) == WEIGHT - USABLE_WEIGHT


def test_where_others_have_used_all_half_of_the_reserve_is_for_what_settles_doubts() -> None:
    """And for exits; the other half is for cancels."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(USABLE_WEIGHT)], START, has_succeeded=True)

    assert fill(limits, ENTRY_COST) == 0
    assert fill(limits, RECONCILE) * RECONCILE.weight == (WEIGHT - USABLE_WEIGHT) // 2
    assert isinstance(limits.admit(EXIT_COST, START), Hold)
    assert fill(limits, CANCEL) == (WEIGHT - USABLE_WEIGHT) // 2


def test_a_session_is_opened_though_reconciliation_has_used_up_its_share() -> None:
    """Cancels and exits are sent by it: what compares books must not keep us from having one."""
    limits = make_limits()
    fill(limits, RECONCILE)
    fill(limits, READ)

    assert fill(limits, SESSION) > 11  # a connection, the clock five times, logon, subscription


def test_sessions_leave_half_of_the_reserve_to_cancels() -> None:
    """However often they are opened."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(USABLE_WEIGHT)], START, has_succeeded=True)
    assert fill(limits, SESSION) * SESSION.weight == (WEIGHT - USABLE_WEIGHT) // 2
    assert fill(limits, CANCEL) == (WEIGHT - USABLE_WEIGHT) // 2


@pytest.mark.parametrize("moved_ms", [400, -400])
def test_what_is_held_is_held_for_its_time_though_the_clock_is_set_right(moved_ms: int) -> None:
    """An estimate that was behind is set forward: that is no time that has passed."""
    limits, of_orders = make_limits(), make_limits()
    limits.ban(START + 900, START)
    of_orders.throttle_orders(START + 700, START)
    for one in (limits, of_orders):
        one.follow_clock(moved_ms * NANOS_PER_MS)
    end = max(0, moved_ms)

    assert "banned by the venue" in held(limits, READ, START + end + 899).reason
    admitted(limits, READ, START + end + 900)
    assert "throttled by the venue" in held(of_orders, ENTRY_COST, START + end + 699).reason
    admitted(of_orders, ENTRY_COST, START + end + 700)


def test_a_clock_set_forward_holds_nothing_that_was_not_held() -> None:
    """The first measurement moves it by as much as the clocks differ."""
    limits = make_limits()
    limits.follow_clock(2 * START * NANOS_PER_MS)
    admitted(limits, READ)


def test_a_full_address_still_cancels_up_to_the_limit_itself() -> None:
    """The reserve is for that; a cancel the venue would refuse is held like all else."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(WEIGHT - 1)], START, has_succeeded=True)
    admitted(limits, CANCEL)

    assert held(limits, CANCEL).retry_at_ms == START + MINUTE


def test_orders_beyond_the_reserve_are_for_shrinking_positions() -> None:
    """A limit must never lock us into what it exists to prevent."""
    limits = make_limits()

    assert fill(limits, ENTRY_COST) == USABLE_ORDERS
    assert held(limits, ENTRY_COST).retry_at_ms == START + SHORT
    assert fill(limits, EXIT_COST) == ORDERS - USABLE_ORDERS


def test_cancels_and_reads_are_never_limited_by_orders() -> None:
    """The venue does not count them there (section 12.5)."""
    limits = make_limits()
    fill(limits, EXIT_COST)

    admitted(limits, CANCEL)
    admitted(limits, RECONCILE)


def test_a_trading_request_that_succeeded_cost_no_weight() -> None:
    """As the venue counts since 2026-04-02; one that failed did."""
    limits = make_limits()
    limits.answer(admitted(limits, CANCEL), (), START, has_succeeded=True)
    assert used(limits, LimitKind.REQUEST_WEIGHT) == 0

    limits.answer(admitted(limits, CANCEL), (), START, has_succeeded=False)
    assert used(limits, LimitKind.REQUEST_WEIGHT) == 1


def test_an_unwritten_request_costs_nothing() -> None:
    """Its ticket is taken back."""
    limits = make_limits()
    limits.take_back(admitted(limits, READ))

    assert used(limits, LimitKind.REQUEST_WEIGHT) == 0


def test_a_lost_request_may_have_been_counted() -> None:
    """It stays counted to the end of the window, whatever later replies show."""
    limits = make_limits()
    limits.lose(admitted(limits, READ), START)
    limits.answer(admitted(limits, READ), [weight(10)], START, has_succeeded=True)

    assert used(limits, LimitKind.REQUEST_WEIGHT) == 20
    assert used(limits, LimitKind.REQUEST_WEIGHT, START + MINUTE) == 0


def test_a_request_lost_at_the_border_may_count_behind_it() -> None:
    """And no reply from behind the border proves that it does not."""
    limits = make_limits()
    end = START + MINUTE
    limits.lose(admitted(limits, READ, end - 1), end - 1)
    limits.answer(admitted(limits, READ, end), [weight(10)], end, has_succeeded=True)

    assert used(limits, LimitKind.REQUEST_WEIGHT, end) == 20


def test_an_older_count_never_lowers_a_newer_one() -> None:
    """Of two replies under way together either may be the newer: the higher count stands."""
    limits = make_limits()
    first, second = admitted(limits, READ), admitted(limits, READ)
    limits.answer(second, [weight(500)], START, has_succeeded=True)
    limits.answer(first, [weight(10)], START, has_succeeded=True)

    assert used(limits, LimitKind.REQUEST_WEIGHT) == 500


def test_fills_relieve_the_order_count() -> None:
    """A request sent after the higher count had come in is newer for certain: it may be lower."""
    limits = make_limits()
    limits.answer(admitted(limits, ENTRY_COST), [orders(40)], START, has_succeeded=True)
    assert isinstance(limits.admit(ENTRY_COST, START), Hold)

    limits.answer(admitted(limits, EXIT_COST), [orders(7)], START, has_succeeded=True)

    assert used(limits, LimitKind.ORDERS) == 7


def test_a_count_from_before_the_border_says_nothing_of_the_window_behind_it() -> None:
    """A reply that was asked for in the old window may show the old, high count."""
    limits = make_limits()
    ticket = admitted(limits, READ, START + MINUTE - 1)
    limits.answer(ticket, [weight(600)], START + MINUTE, has_succeeded=True)

    assert used(limits, LimitKind.REQUEST_WEIGHT, START + MINUTE) == READ.weight


def test_a_limit_that_the_venue_changes_is_in_force_at_once() -> None:
    """Replies state the limit with the count, between two readings of exchangeInfo."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(10, limit=200)], START, has_succeeded=True)

    assert fill(limits, READ) * READ.weight == 200 * 80 // 100 * 15 // 100 - 10 - 4


def test_limits_that_are_not_stated_are_the_lowest_documented() -> None:
    """Before the first reply, and for kinds that exchangeInfo leaves out."""
    limits = RateLimits(EXECUTOR_SHARES, reserve_bps=2_000)
    assert [(usage.kind, usage.limit) for usage in limits.usage(START)] == [
        ("REQUEST_WEIGHT", 6_000),
        ("RAW_REQUESTS", 61_000),
        ("ORDERS", 50),
        ("ORDERS", 160_000),
    ]

    limits.state_limits([RateLimit(LimitKind.ORDERS, MINUTE, 7)])
    assert [(usage.kind, usage.interval_ms, usage.limit) for usage in limits.usage(START)][1:] == [
        ("RAW_REQUESTS", 5 * MINUTE, 61_000),
        ("ORDERS", MINUTE, 7),
    ]


def test_a_request_from_before_its_limit_was_stated_is_settled_without_it() -> None:
    """A window counts nothing that was admitted before there was one."""
    limits = make_limits()
    ticket = admitted(limits, ENTRY_COST)
    limits.state_limits([RateLimit(LimitKind.ORDERS, MINUTE, 7)])
    limits.answer(ticket, [], START, has_succeeded=True)

    assert used(limits, LimitKind.ORDERS) == 0


def test_raw_requests_are_counted_though_no_reply_shows_them() -> None:
    """Their window fills with what we sent and had answered."""
    limits = make_limits()
    limits.state_limits([RateLimit(LimitKind.RAW_REQUESTS, MINUTE, 100)])
    sent = 0
    while isinstance(ticket := limits.admit(CANCEL, START), Ticket):
        limits.answer(ticket, [weight(0)], START, has_succeeded=True)
        sent += 1

    assert sent == 100
    assert held(limits, READ).refusal.observed == "100 used, 1 more wanted"


def test_a_refusal_for_weight_holds_everything_until_the_venue_allows() -> None:
    """To the millisecond; cancels too, since who goes on asking is banned."""
    limits = make_limits()
    limits.throttle(START + 5_000, START)

    for cost in (READ, RECONCILE, ENTRY_COST, EXIT_COST, CANCEL):
        assert held(limits, cost, START + 4_999).retry_at_ms == START + 5_000
        admitted(limits, cost, START + 5_000)


def test_the_longest_refusal_stands() -> None:
    """A reply that was under way may name an earlier time than is known."""
    limits = make_limits()
    limits.throttle(START + 9_000, START)

    assert limits.throttle(START + 5_000, START) == START + 9_000
    assert "throttled by the venue" in held(limits, READ, START + 8_999).reason


@pytest.mark.parametrize(
    ("cost", "usual", "halved"),
    [
        (READ, 12, 6),
        (RECONCILE, 28, 14),
        (ENTRY_COST, USABLE_ORDERS, USABLE_ORDERS // 2),
        (EXIT_COST, ORDERS, ORDERS),
        (CANCEL, WEIGHT, WEIGHT),
    ],
    ids=lambda case: case.purpose.value if isinstance(case, RequestCost) else None,
)
def test_the_rate_is_halved_for_a_while_after_a_refusal_for_weight(
    cost: RequestCost, usual: int, halved: int
) -> None:
    """Section 11; what ends an order or shrinks a position keeps its room."""
    over = START + RATE_HALVED_MS
    before, behind = make_limits(), make_limits()
    for limits in (before, behind):
        limits.throttle(START, START)

    assert fill(before, cost, over - 1) == halved
    assert fill(behind, cost, over) == usual


def test_a_refusal_of_orders_holds_orders_alone() -> None:
    """-1015: cancels still work (section 11)."""
    limits = make_limits()
    limits.throttle_orders(START + 5_000, START)

    for cost in (ENTRY_COST, EXIT_COST):
        assert held(limits, cost, START + 4_999).retry_at_ms == START + 5_000
        admitted(limits, cost, START + 5_000)
    for cost in (READ, RECONCILE, CANCEL):
        admitted(limits, cost)


def test_a_ban_stops_everything() -> None:
    """418: nothing leaves until it is lifted."""
    limits = make_limits()
    until = limits.ban(START + 120_000, START)

    assert until == START + 120_000
    assert "banned by the venue" in held(limits, CANCEL, until - 1).reason
    admitted(limits, CANCEL, until)


def test_refusals_without_a_time_last_as_long_as_the_rule() -> None:
    """To the end of the window; a ban for the shortest that there is."""
    assert make_limits().throttle(0, START) == START + MINUTE
    assert make_limits().throttle_orders(0, START) == START + SHORT
    assert make_limits().ban(0, START) == START + BAN_MS


def test_a_refusal_for_ever_is_not_believed() -> None:
    """The venue's longest ban is three days; a garbled number must not end trading."""
    for refuse in (RateLimits.throttle, RateLimits.throttle_orders, RateLimits.ban):
        assert refuse(make_limits(), 10**18, START) == START + BAN_MS_MAX


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    """What was counted in the later window was counted in the earlier one, as it turns out."""
    limits = make_limits()
    fill(limits, READ)

    assert held(limits, READ, START - MINUTE).retry_at_ms == START


@given(st.lists(st.integers(1, 25), max_size=100), st.integers(0, WEIGHT))
def test_cancels_find_room_as_long_as_the_venue_has_any(sizes: list[int], count: int) -> None:
    """No traffic of ours leaves an address that cannot cancel: half of the reserve is for it."""
    limits = make_limits()
    limits.answer(admitted(limits, READ), [weight(count)], START, has_succeeded=True)
    for size in sizes:
        limits.admit(RequestCost(Purpose.READ, size), START)
        limits.admit(RequestCost(Purpose.RECONCILE, size), START)
        limits.admit(ENTRY_COST, START)
        limits.admit(EXIT_COST, START)

    assert fill(limits, CANCEL) >= min((WEIGHT - USABLE_WEIGHT) // 2, WEIGHT - count)


@pytest.mark.parametrize("shares", [FEED_SHARES, EXECUTOR_SHARES])
def test_a_reserve_of_nothing_leaves_the_whole_limit(shares: RateShares) -> None:
    """The operator may choose so; the shares stay."""
    limits = RateLimits(shares, reserve_bps=0)
    limits.state_limits([RateLimit(LimitKind.REQUEST_WEIGHT, MINUTE, WEIGHT)])

    assert fill(limits, READ) * READ.weight == WEIGHT * shares.ordinary // 100
