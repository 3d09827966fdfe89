"""Kinds of strategy that first load in the Strategist tier."""
