"""Whether this machine, this key and this venue are fit to trade: facts, verdicts, remedies."""
