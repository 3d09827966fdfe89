"""The `genesis` command: its subcommands, and how an error becomes a line and an exit code."""

from collections.abc import Sequence
from typing import Final

import click

from genesis import __version__
from genesis.cli.configuration import check, config
from genesis.cli.control import status, stop
from genesis.cli.db import db
from genesis.cli.doctor import doctor
from genesis.cli.emergency import kill, resume
from genesis.cli.execute import execute
from genesis.cli.records_move import return_to_sqlite, upgrade_to_postgres
from genesis.cli.refusals import refusals
from genesis.cli.run import run
from genesis.errors import EXIT_OK, EXIT_USAGE, GenesisError

EXIT_INTERRUPTED: Final = 130


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genesis")
def genesis() -> None:
    """Run many trading strategies on Binance spot, with one safe path for their orders."""


for _command in (run, status, refusals, stop, kill, resume, execute, doctor, db, check, config):
    genesis.add_command(_command)
for _command in (upgrade_to_postgres, return_to_sqlite):
    db.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code; an error is told in a line on stderr."""
    try:
        code = genesis.main(arguments, prog_name="genesis", standalone_mode=False)
    except click.ClickException as error:
        place = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"genesis: {error.format_message()}", err=True)
        click.echo(f"genesis: see {place or 'genesis'} --help", err=True)
        return EXIT_USAGE
    except GenesisError as error:
        for line in str(error).splitlines():
            click.echo(f"genesis: {line}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else EXIT_OK
