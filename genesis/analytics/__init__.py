"""Indicators, and how strategies of one worker share them. Pure."""
