"""`genesis doctor`: whether all is fit to trade, and the same look before real money."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from genesis.cli.options import settings_from_options, settings_options
from genesis.doctor.examination import examine, refused_configuration
from genesis.doctor.report import Check, Report, Result
from genesis.errors import EXIT_INTERNAL, EXIT_OK, ConfigError, Unfit

_NAME_COLUMNS: Final = 17
_COLUMNS_MIN: Final = 60


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@settings_options
def doctor(
    config_file: Path | None, state: Path | None, overrides: tuple[str, ...], *, as_json: bool
) -> int:
    """Check configuration, key, machine and venue, and say what to do about each fault."""
    try:
        settings = settings_from_options(config_file, state, overrides)
        report = examine(settings, os.environ)
    except ConfigError as error:
        report = refused_configuration(error)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        click.echo("\n".join(_lines(report, shutil.get_terminal_size().columns)))
    return report.exit_code


def examine_before_live(
    config_file: Path | None, state: Path | None, overrides: Sequence[str]
) -> None:
    """Have a doctor of its own process look, and show what it says.

    A process of its own, since it reads the trading key: this one becomes the engine's parent,
    which never holds it.

    Raises:
        Unfit: It found a fault.
    """
    words = [f"--set={override}" for override in overrides]
    words += [] if config_file is None else [f"--config={config_file}"]
    words += [] if state is None else [f"--state={state}"]
    command = [sys.executable, "-m", "genesis", "doctor", *words]
    # Our own program, with the words of our own command line.
    examined = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    exit_code = examined.returncode
    if exit_code < EXIT_OK:
        raise Unfit(f"the doctor was killed by signal {-exit_code}", EXIT_INTERNAL)
    if exit_code != EXIT_OK:
        raise Unfit("the doctor found a fault, see above: live trading was not begun", exit_code)


def _lines(report: Report, columns: int) -> Iterator[str]:
    for check in report.checks:
        yield _entry(check, max(columns, _COLUMNS_MIN))
    counts = Counter(check.result for check in report.checks)
    verdict = "not fit to trade" if counts[Result.FAIL] else "fit to trade"
    yield (
        f"{verdict}: {counts[Result.FAIL]} failed, {counts[Result.WARN]} to look at, "
        f"{counts[Result.OK]} ok"
    )


def _entry(check: Check, width: int) -> str:
    """Return the lines of one check: result, name, what was seen, and its remedy below."""
    head = f"{check.result:<6}{check.name:<{_NAME_COLUMNS}}"
    indent = " " * len(head)
    texts = [*check.seen.splitlines(), *([f"-> {check.remedy}"] if check.remedy else [])]
    lines = (
        textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)
        for text in texts
    )
    return head + "\n".join(lines).removeprefix(indent)
