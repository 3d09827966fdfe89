"""What decides: order life cycle, risk, reconciliation, supervision. Shells carry it out."""
