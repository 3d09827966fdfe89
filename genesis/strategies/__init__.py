"""Strategies: what they are, the kinds by tier, how they are loaded and called."""
