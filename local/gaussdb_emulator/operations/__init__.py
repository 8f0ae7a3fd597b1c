"""One file per operation of the API."""
