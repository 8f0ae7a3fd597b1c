"""The application on this machine: both clouds emulated, the real functions, and the delivery of the queues."""

from .running import RETRY_AFTER_SECONDS, Listen, RunningStack, serve

__all__ = ["RETRY_AFTER_SECONDS", "Listen", "RunningStack", "serve"]
