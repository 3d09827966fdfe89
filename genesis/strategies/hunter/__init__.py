"""Kinds of strategy that first load in the Hunter tier."""
