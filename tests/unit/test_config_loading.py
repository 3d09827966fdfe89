"""Where settings come from, which source wins, and what an operator is told of a fault."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from genesis import limits
from genesis.config import Settings
from genesis.config_loading import load_settings
from genesis.errors import EXIT_CONFIG, ConfigError


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Return the path of a file that a test may fill."""
    return tmp_path / "genesis.toml"


def faults_of(
    config_file: Path | None = None,
    overrides: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> list[str]:
    """Load what is wrong and return the lines that the operator gets."""
    with pytest.raises(ConfigError) as caught:
        load_settings(config_file, overrides, environ or {})
    assert caught.value.exit_code == EXIT_CONFIG
    return str(caught.value).splitlines()


def test_no_source_at_all_is_the_default() -> None:
    """The engine runs without a file, a variable or an option."""
    assert load_settings(environ={}) == Settings()


def test_the_command_line_wins_over_variables_and_these_over_the_file(config_file: Path) -> None:
    """The nearer a source is to the one who starts the engine, the more it counts."""
    config_file.write_text("[market]\nrate = 1\nseed = 1\ninstruments = 1\n")
    environ = {"GENESIS_MARKET__SEED": "2", "GENESIS_MARKET__INSTRUMENTS": "2"}

    settings = load_settings(config_file, ["market.instruments=3"], environ)

    market = settings.market
    assert (market.rate, market.seed, market.instruments) == (1, 2, 3)


def test_decimals_of_a_file_are_exact(config_file: Path) -> None:
    """Money never passes through a float, even if it is written as a bare number."""
    config_file.write_text("capital_quote = 123456789.12345678\n")

    assert load_settings(config_file, environ={}).capital_quote == Decimal("123456789.12345678")


def test_lists_and_tables_are_json_in_variables_and_overrides() -> None:
    """A variable and an override are read by the same rule."""
    symbols = '["BTCUSDT", "ETHUSDT"]'
    expected = ("BTCUSDT", "ETHUSDT")

    by_variable = load_settings(environ={"GENESIS_STRATEGIES__SYMBOLS": symbols})
    by_override = load_settings(overrides=[f"strategies.symbols={symbols}"], environ={})

    assert by_variable.strategies.symbols == expected
    assert by_override.strategies.symbols == expected


def test_null_puts_a_setting_back_to_none(config_file: Path) -> None:
    """What a file names can be taken back for one run."""
    config_file.write_text('[logs]\npath = "/var/log/genesis.jsonl"\n')

    assert load_settings(config_file, ["logs.path=null"], {}).logs.path is None


def test_variables_of_other_programs_and_secrets_are_no_settings() -> None:
    """Only GENESIS_ variables count, and the key's two are for the executor alone."""
    environ = {"HOME": "/", "GENESIS_API_KEY": "k", "GENESIS_PRIVATE_KEY": "p"}

    assert load_settings(environ=environ) == Settings()


def test_all_faults_of_all_sources_are_told_at_once(config_file: Path) -> None:
    """One round of corrections is enough, whatever and wherever is wrong."""
    config_file.write_text('mode = "paper"\nstat_dir = "x"\n[market]\nspeed = 2000\n')

    faults = faults_of(config_file, ("market.rate=0", "nonsense"), {"GENESIS_RISKS__A": "1"})

    assert sorted(faults) == sorted(
        [
            f"mode ({config_file}): is 'paper'; must be 'sim', 'testnet', 'demo' or 'live'",
            f"stat_dir ({config_file}): unknown key; did you mean 'state_dir'?",
            f"market.speed ({config_file}): is 2000; must be less than or equal to 1000",
            "market.rate (--set market.rate): is '0'; must be greater than or equal to 1",
            "--set nonsense: write it as section.key=value",
            "GENESIS_RISKS__A: unknown key 'risks'; did you mean 'risk'?",
        ]
    )


def test_a_fault_inside_a_roster_names_the_entry_and_its_keys(config_file: Path) -> None:
    """The path leads to the entry, and the nearest key is one that an entry has."""
    config_file.write_text(
        '[[strategies.roster]]\nstrategy_id = "a"\nkinds = "ema_cross"\nsymbol = "BTCUSDT"\n'
    )

    assert faults_of(config_file) == [
        "strategies.roster.0.kind: is missing; it has no default",
        f"strategies.roster.0.kinds ({config_file}): unknown key; did you mean 'kind'?",
    ]


def test_money_with_too_many_decimals_is_shown_as_it_was_written(config_file: Path) -> None:
    """The operator sees the number of the file, not what a float would make of it."""
    config_file.write_text("capital_quote = 1000.123456789\n")

    (fault,) = faults_of(config_file)

    assert fault.startswith(f"capital_quote ({config_file}): is 1000.123456789; ")


def test_settings_that_contradict_each_other_are_told_as_a_section() -> None:
    """A fault of several keys names their section, and says which keys to change."""
    (fault,) = faults_of(overrides=("market.source=replay",))

    assert fault.startswith("market (--set market.source): a replay needs `path`: ")


def test_an_unknown_key_like_no_other_is_answered_with_those_known() -> None:
    """Where no name is near, all names are told."""
    (fault,) = faults_of(overrides=("links.zzz=1",))

    assert fault == (
        "links.zzz (--set links.zzz): unknown key; "
        "known are: market_slots, signal_slots, report_slots"
    )


def test_a_misplaced_secret_is_refused_and_not_repeated(config_file: Path) -> None:
    """Somebody who writes the key into the configuration is told where it belongs, not what."""
    config_file.write_text('[credentials]\napi_key = "canary"\n')

    (fault,) = faults_of(config_file)

    assert "credentials.key_file" in fault
    assert "canary" not in fault


def test_a_variable_that_is_no_json_is_named() -> None:
    """The fault names the variable, whose value may be long."""
    assert faults_of(environ={"GENESIS_STRATEGIES__SYMBOLS": "BTCUSDT"}) == [
        "GENESIS_STRATEGIES__SYMBOLS: is not JSON; a list or a table is written as JSON here"
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"mode = ", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"#" * (limits.CONFIG_FILE_BYTES_MAX + 1), "is longer than"),
    ],
    ids=["half a line", "binary", "endless"],
)
def test_a_file_that_is_no_configuration_is_refused(
    config_file: Path, content: bytes, complaint: str
) -> None:
    """A file is judged whole before any of it counts."""
    config_file.write_bytes(content)

    (fault,) = faults_of(config_file)

    assert fault.startswith(f"{config_file}: {complaint}")


def test_a_named_file_must_exist(config_file: Path) -> None:
    """A file that was asked for and is not there is never silently a default."""
    assert faults_of(config_file) == [
        f"{config_file}: cannot be read: No such file or directory; name a readable file"
    ]


def test_a_tape_must_exist_and_hold_frames(tmp_path: Path) -> None:
    """A replay without frames is refused before any process is started."""
    missing = tmp_path / "missing"
    tape = tmp_path / "tape"
    tape.mkdir()

    replay = ("market.source=replay", f"market.path={missing}")
    assert faults_of(overrides=replay) == [
        f"market.path: {missing} does not exist; name a file of recorded frames or their directory"
    ]
    replay = ("market.source=replay", f"market.path={tape}")
    assert faults_of(overrides=replay) == [
        f"market.path: {tape} holds no recorded frames (.ndjson or .ndjson.gz)"
    ]
    (tape / "a.ndjson.gz").touch()
    assert load_settings(overrides=replay, environ={}).market.path == tape


def test_certificates_that_cannot_be_read_are_found_before_the_start(tmp_path: Path) -> None:
    """The engine must not find out when it connects, nor the venue when it opens."""
    missing = tmp_path / "ca.pem"
    assert faults_of(overrides=(f"exchange.ca_file={missing}",)) == [
        f"exchange.ca_file: {missing} does not exist; name a PEM file of certificate authorities"
    ]
    pair = (f"venue.tls_certificate={missing}", f"venue.tls_key={missing}")
    assert faults_of(overrides=pair) == [
        f"venue.tls_certificate: {missing} does not exist; name a PEM certificate",
        f"venue.tls_key: {missing} does not exist; name the certificate's private key, PEM",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_tape_is_refused(tmp_path: Path) -> None:
    """A frame file that we may not read is a fault of the configuration."""
    tape = tmp_path / "tape.ndjson"
    tape.touch(mode=0)

    (fault,) = faults_of(overrides=("market.source=replay", f"market.path={tape}"))

    assert "cannot be read" in fault
