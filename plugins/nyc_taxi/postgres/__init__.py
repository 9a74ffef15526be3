"""Months of trips in Postgres: stage, audit, publish, and the ledger that says what was loaded."""
