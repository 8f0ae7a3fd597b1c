"""The GaussDB(for MySQL) API, on httpx."""
