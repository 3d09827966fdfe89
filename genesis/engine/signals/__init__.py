"""The stages between a strategy's signal and a sized intent, by what they ask."""
