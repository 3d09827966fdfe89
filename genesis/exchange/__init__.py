"""The venue as a counterparty: the port, the connections, and Binance behind them."""
