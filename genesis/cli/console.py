"""What a person sees of a run: one line, written over, on a terminal; rare lines elsewhere."""

import shutil
from typing import Final, TextIO

from genesis import __version__
from genesis.cli.status import render_status_line
from genesis.config import Settings
from genesis.status import StatusDocument

TERMINAL_PERIOD_S: Final = 2.0
PLAIN_PERIOD_S: Final = 60.0
_CLEAR_LINE: Final = "\r\x1b[2K"


class Console:
    """Writes the run's lines to a stream. The caller shows it every status; it picks what to print.

    A stream that can no longer be written to, such as a closed pipe, ends nothing but the lines.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._period_s = TERMINAL_PERIOD_S if self._is_terminal else PLAIN_PERIOD_S
        self._due_at_s = 0.0
        self._last: StatusDocument | None = None
        self._printed: StatusDocument | None = None
        self._open = True

    def begin(self, settings: Settings) -> None:
        """Say what is about to run, and where its facts go."""
        self._write(
            f"genesis {__version__}: {settings.strategy_count} strategies in "
            f"{settings.strategies.workers} workers on {_venue(settings)}, "
            f"{settings.capital_quote:,} {settings.quote_asset}\n"
            f"state {settings.state_dir}, log {settings.log_path}; Ctrl-C stops\n"
        )

    def show(self, status: StatusDocument) -> None:
        """Print the status if a line is due, or if the engine's state or a problem is new."""
        last, self._last = self._last, status
        is_news = last is None or (last.state, last.problems) != (status.state, status.problems)
        if status.uptime_s < self._due_at_s and not is_news:
            return
        self._due_at_s = status.uptime_s + self._period_s
        self._printed = status
        line = render_status_line(status)
        if self._is_terminal:
            columns = shutil.get_terminal_size().columns
            self._write(f"{_CLEAR_LINE}{line[: columns - 1]}")
        else:
            self._write(f"{line}\n")

    def end(self, exit_code: int) -> None:
        """Print the last status whole, and how the run ended."""
        if self._is_terminal:
            self._write(_CLEAR_LINE)
        if self._last is not None and (self._is_terminal or self._last is not self._printed):
            self._write(f"{render_status_line(self._last)}\n")
        self._write("stopped\n" if exit_code == 0 else f"failed: exit {exit_code}\n")

    def _write(self, text: str) -> None:
        if not self._open:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._open = False


def _venue(settings: Settings) -> str:
    """Say where is traded; that it is for real stands out."""
    if settings.mode == "live":
        return "Binance, LIVE"
    if not settings.is_simulated:
        return f"Binance's {settings.mode}"
    market = settings.market
    return f"the {market.source}{'' if market.path is None else f' of {market.path}'} market"
