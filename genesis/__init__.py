"""Genesis: a live trading engine for Binance spot."""

__version__ = "0.1.0"
