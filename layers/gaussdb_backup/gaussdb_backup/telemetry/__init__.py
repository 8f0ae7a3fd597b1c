"""Log records and metrics, on Powertools."""
