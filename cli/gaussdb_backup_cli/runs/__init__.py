"""Runs of plans: what was requested, what became of it, what was missed."""
