"""The client of the GaussDB(for MySQL) API, on httpx."""
