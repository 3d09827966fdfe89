"""Binance spot over its WebSocket API."""
