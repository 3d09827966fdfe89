"""The whole engine against a venue behind a certificate."""

import json
from pathlib import Path

from tests.support.certificates import loopback_certificate
from tests.support.engine_program import LiveProgram, eager_roster


def test_feed_and_executor_trade_over_wss(tmp_path: Path) -> None:
    """With a test's authority, which is believed beside the system's."""
    files, ca_file = loopback_certificate(tmp_path)
    overrides = (
        eager_roster(6),
        "strategies.workers=1",
        "market.instruments=2",
        "market.rate=1000",
        f"venue.tls_certificate={files.certificate}",
        f"venue.tls_key={files.key}",
        f"exchange.ca_file={ca_file}",
    )
    with LiveProgram(tmp_path / "state", tmp_path / "report.json", *overrides) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.fills >= 1)
        assert engine.stop() == 0

    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ledger_equal"] is True


def test_an_engine_that_does_not_believe_the_venue_does_not_start(tmp_path: Path) -> None:
    """The certificate is another authority's: it says so, and asks nothing of it."""
    files, _ = loopback_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = loopback_certificate(tmp_path / "other")
    overrides = (
        "strategies.count=1",
        "strategies.workers=1",
        f"venue.tls_certificate={files.certificate}",
        f"venue.tls_key={files.key}",
        f"exchange.ca_file={other}",
    )
    with LiveProgram(tmp_path / "state", tmp_path / "report.json", *overrides) as engine:
        assert engine.wait() == 70
        assert any("certificate refused" in str(row) for row in engine.log_events())
