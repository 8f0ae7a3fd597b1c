"""The logger of a function."""

import logging

from aws_lambda_powertools import Logger

QUIET = ("boto3", "botocore", "httpx", "httpcore", "urllib3")
"""Libraries whose INFO records do not belong to the log of a run (httpx logs every address that it calls)."""


def make_logger() -> Logger:
    """Return a JSON logger; level and service are taken from Powertools' own environment variables."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(utc=True, use_rfc3339=True)
