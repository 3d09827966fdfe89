"""The `genesis` command: one line an error, and the exit code that goes with it."""

from pathlib import Path

import pytest

from genesis import __version__
from genesis.cli import main


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking is always right."""
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint", "place"),
    [
        ([], "Missing command.", "genesis"),
        (["trade"], "No such command 'trade'.", "genesis"),
        (["run", "--foo"], "No such option '--foo'.", "genesis run"),
    ],
)
def test_unknown_words_are_told_with_where_to_look(
    arguments: list[str], complaint: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 64: what was typed is wrong, and trying again will not help."""
    assert main(arguments) == 64

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"genesis: {complaint}")
    assert second == f"genesis: see {place} --help"


@pytest.mark.parametrize("command", ["run", "status", "stop", "check", "config"])
def test_every_command_judges_the_configuration_first(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 78 before anything is started or asked; a line for each fault."""
    assert main([command, "--set", "mode=paper", "--set", "market.rate=0"]) == 78

    assert capsys.readouterr().err.splitlines() == [
        "genesis: mode (--set mode): is 'paper'; must be 'sim', 'testnet', 'demo' or 'live'",
        "genesis: market.rate (--set market.rate): is '0'; must be greater than or equal to 1",
    ]


@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_word_to_an_engine_that_is_not_there_is_told(
    command: str, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 69: nothing is wrong but that nothing runs."""
    assert main([command, "--state", str(state_dir)]) == 69

    error = capsys.readouterr().err
    assert error.startswith(f"genesis: {state_dir}: no engine runs on this state")
    assert error.count("\n") == 1


def test_check_judges_the_key_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deployment learns of a key that others can read before it restarts anything."""
    key_file = tmp_path / "key.toml"
    key_file.write_text('api_key = "a"\nprivate_key = "p"\n')
    key_file.chmod(0o644)

    assert main(["check", "--set", f"credentials.key_file={key_file}"]) == 78
    assert "chmod 600" in capsys.readouterr().err
    key_file.chmod(0o600)
    assert main(["check", "--set", f"credentials.key_file={key_file}"]) == 0
    assert capsys.readouterr().out == "configuration: ok\n"


def test_config_prints_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    """What the sources together mean, not what one of them says."""
    assert main(["config", "--set", "market.rate=77"]) == 0

    assert "rate = 77\n" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody trades for a day to learn that the report has nowhere to go."""
    report = tmp_path / "missing" / "report.json"

    assert main(["run", "--report", str(report)]) == 64
    assert capsys.readouterr().err.startswith(f"genesis: --report {report}: ")


def test_an_interrupt_outside_a_run_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 130, as shells have it: what was asked for was not done."""

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genesis.cli.configuration.settings_from_options", interrupt)

    assert main(["config"]) == 130
