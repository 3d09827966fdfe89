"""`genesis.venue.fault_documents`: faults as JSON, and what is said of those that are none."""

import msgspec
import pytest

from genesis.venue.fault_documents import (
    KINDS,
    FaultRefused,
    Vocabulary,
    check_names,
    read_faults,
)
from genesis.venue.request_faults import Answered, ReplyLost, RequestLost
from genesis.venue.venue_acts import RulesChanged, SymbolHalted

VOCABULARY = Vocabulary(("order.place", "depth"), ("BTCUSDT", "ETHUSDT"))

RULES = (
    '{"fault":"rules_changed","symbol":"BTCUSDT","tick_size":"%s","step_size":"%s",'
    '"min_notional":"5"}'
)


def refusal_of(document: str) -> str:
    """Return what is said of a document."""
    with pytest.raises(FaultRefused) as caught:
        check_names(read_faults(document.encode()), VOCABULARY)
    return str(caught.value)


def test_one_fault_or_a_list_of_them() -> None:
    """The kind's name is its class in small letters; what is left out is default."""
    lost = RequestLost(method="order.place", times=2)

    assert read_faults(msgspec.json.encode(lost)) == [lost]
    assert read_faults(
        b' [{"fault":"reply_lost"},{"fault":"symbol_halted","symbol":"BTCUSDT","for_ms":5}]',
    ) == [ReplyLost(), SymbolHalted(symbol="BTCUSDT", for_ms=5)]
    assert read_faults(b"[]") == []


def test_every_kind_has_its_name() -> None:
    """And says of itself what documents call it."""
    assert len(KINDS) == 40
    lost = RequestLost()
    assert (lost.kind, KINDS["request_lost"]) == ("request_lost", RequestLost)
    assert all(kind.__doc__ for kind in KINDS.values())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "a fault is a JSON object that names its kind"),
        ("{", "a fault is a JSON object that names its kind"),
        ("[{]", "a list of faults is a JSON array"),
        ("{}", "missing required field `fault`"),
        ('{"fault":"reply_list"}', "no fault is called 'reply_list'; there are request_lost, "),
        ('{"fault":"reply_lost","methd":"ping"}', "reply_lost: Object contains unknown field"),
        ('{"fault":"reply_lost","methd":"ping"}', "its fields are in_ms, every_ms, times, after"),
        ('{"fault":"reply_lost","times":-1}', "Expected `int` >= 0 - at `$.times`"),
        ('{"fault":"reply_delayed"}', "missing required field `delay_ms`"),
        (
            '{"fault":"reply_lost","method":"order.plaice"}',
            "reply_lost: no method is called 'order.plaice'; there are depth, order.place",
        ),
        (
            '{"fault":"frame_lost","symbol":"LTCUSDT"}',
            "frame_lost: 'LTCUSDT' is not listed; there are BTCUSDT, ETHUSDT",
        ),
        ('{"fault":"symbol_halted","symbol":"X"}', "symbol_halted: 'X' is not listed"),
        ('[{"fault":"reply_lost"},{"fault":"no"}]', "[1]: no fault is called 'no'"),
        (
            '[{"fault":"reply_lost"},{"fault":"reply_lost","symbol":"no"}]',
            "[1]: reply_lost: 'no' is not listed",
        ),
        ('{"fault":"answered","code":-9}', "code -9 is none that it can give: take one that"),
        (
            '{"fault":"answered","code":-1013,"executed":true}',
            "code -1013 says that nothing was executed: drop `executed`",
        ),
        (
            '{"fault":"answered","code":-1007,"delay_ms":5}',
            "delay_ms is for what is executed: add `executed` or drop it",
        ),
        (
            '{"fault":"answered","code":-1007,"executed":true,"delay_ms":10001}',
            "delay_ms is 10001: the venue gives up after 10000",
        ),
        ('{"fault":"queue_delayed","delay_ms":10001}', "the venue gives up after 10000"),
        ('{"fault":"error_page","status":404}', "status 404 has no page; there are 403, 410, 451"),
        ('{"fault":"error_page","status":403,"executed":true}', "drop `executed`"),
        ('{"fault":"handshake_refused","status":200}', "no handshake is refused with status 200"),
        ('{"fault":"address_banned"}', "missing required field `for_ms`"),
        (
            '{"fault":"symbol_halted","symbol":"BTCUSDT","every_ms":5}',
            "what happens again must end in between: say for_ms beside every_ms",
        ),
        (
            RULES % ("0.001", "0.000001"),
            "tick_size 0.001 times step_size 0.000001 must be above 0 and have no more than 8",
        ),
        ('{"fault":"reply_misaddressed","transport":"rest"}', "Invalid enum value 'rest'"),
        ('{"fault":"connection_closed","reason":"\\u00e9"}', "at `$.reason`"),
    ],
)
def test_what_is_no_fault_is_refused_with_a_remedy(document: str, said: str) -> None:
    """Which of a list, which field, what would be right."""
    assert said in refusal_of(document)


def test_rules_that_a_venue_can_keep_are_taken() -> None:
    """Prices times quantities stay exact to the eighth decimal."""
    rules = RulesChanged(symbol="BTCUSDT", tick_size="0.1", step_size="0.001", min_notional="10")

    assert read_faults(msgspec.json.encode(rules)) == [rules]


def test_an_answer_may_be_in_other_words() -> None:
    """The code's own status, the given text."""
    said = Answered(code=-2010, text="Market is closed.").fate(0).answer

    assert said is not None
    assert (said.code, said.text, said.status) == (-2010, "Market is closed.", 400)
