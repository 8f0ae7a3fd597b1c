"""The AWS side on one machine: moto's server, with the resources that template.yaml deploys."""

from .functions import Context, LocalFunction, LocalFunctions
from .server import LocalAws, start
from .stack import Stack, read_template

__all__ = ["Context", "LocalAws", "LocalFunction", "LocalFunctions", "Stack", "read_template", "start"]
