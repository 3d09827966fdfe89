"""Kinds of strategy that first load in the Sniper tier."""
