"""What libraries keep for the whole process, and a test must not hand on to the next."""

import logging

import boto3
from aws_lambda_powertools.logging import logger as powertools_logger
from aws_lambda_powertools.logging.filters import SuppressFilter

_MARKS = ("init", "powertools_handler", "powertools_buffer_config", "powertools_buffer_cache")
"""Attributes by which Powertools recognizes a logger that it has set up: it never sets one up twice."""


def reset_global_state() -> None:
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and hasattr(logger, "powertools_handler"):
            _reset_logger(logger)
    for handler in logging.root.handlers:
        handler.filters = [each for each in handler.filters if not isinstance(each, SuppressFilter)]
    powertools_logger.is_cold_start = True
    boto3.DEFAULT_SESSION = None


def _reset_logger(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        logger.removeHandler(handler)  # its stream is the captured output of the test that is over
    for name in _MARKS:
        if hasattr(logger, name):
            delattr(logger, name)
    logger.filters.clear()
    logger.setLevel(logging.NOTSET)
