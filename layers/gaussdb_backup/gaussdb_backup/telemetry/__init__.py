"""Log records and metrics, on Powertools (docs/reference/logs_and_metrics.md)."""
