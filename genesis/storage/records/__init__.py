"""The records: what happened, in tables for people and programs, in SQLite or PostgreSQL.

They are fed from the journal and decide nothing: no order waits for them, and what they lack the
journal still has.
"""
