"""`genesis doctor` on a simulation: nothing to reach, everything to look at."""

import json
from pathlib import Path

import pytest

from genesis.cli import main
from genesis.cli.doctor import examine_before_live
from genesis.errors import Unfit


def test_a_simulation_is_examined_and_found_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each check in a line, its remedy below it, the sum at the end; nothing is made."""
    state = tmp_path / "state"
    assert main(["doctor", "--state", str(state)]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok    python           3.")
    assert any(line.startswith("ok    venue            mode sim starts") for line in lines)
    assert last.startswith("fit to trade: 0 failed, ")
    assert not state.exists()


def test_the_checks_are_json_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, result, what was seen, remedy, and the exit code that the program ends with."""
    assert main(["doctor", "--json", "--state", str(tmp_path / "state")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["mode"], report["exit_code"]) == ("sim", 0)
    first = report["checks"][0]
    assert set(first) == {"name", "result", "seen", "remedy", "exit_code"}
    assert (first["name"], first["result"]) == ("python", "ok")


def test_a_wrong_configuration_is_the_first_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault of it is told, each in its line; nothing else can be looked at."""
    assert main(["doctor", "--set", "mode=live", "--set", "market.seed=3"]) == 78
    text = capsys.readouterr().out
    assert "\nfail  configuration    market: says what the simulated" in text
    assert "\n                       strategies.symbols: is empty" in text
    assert "\n                       -> put each line right" in text
    assert text.endswith("not fit to trade: 1 failed, 0 to look at, 1 ok\n")


def test_a_state_directory_of_another_mode_is_not_fit(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a start would refuse is found before it."""
    (state_dir / "mode").write_text("live\n")
    assert main(["doctor", "--json", "--state", str(state_dir)]) == 78
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["state"]["seen"] == f"{state_dir} belongs to mode live"


def test_before_live_trading_a_fault_ends_the_start(
    state_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The doctor looks in a process of its own, and its exit code is that of the start."""
    examine_before_live(None, state_dir, ["market.seed=3"])
    assert "fit to trade" in capfd.readouterr().out
    (state_dir / "mode").write_text("live\n")
    with pytest.raises(Unfit) as caught:
        examine_before_live(None, state_dir, [])
    assert caught.value.exit_code == 78
    assert "not fit to trade: 1 failed" in capfd.readouterr().out
