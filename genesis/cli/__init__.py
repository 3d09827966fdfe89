"""The command line: one module per group of commands."""

from genesis.cli.entry import main

__all__ = ["main"]
