"""Audits by hand, and the forms in which they are shown."""
