"""The simulated exchange: a venue of its own, with market, matching, accounts and ledger."""
