"""An emulator of the GaussDB(for MySQL) API and of IAM, with the vendor's signatures and with faults as data.

In a test: `httpx.Client(transport=EmulatorTransport(create_app(Cloud(fleet))), base_url="https://gaussdb.test")`.
Over a socket: `with serve(Cloud(fleet)) as running: running.url`.
"""

from .app import create_app
from .backups import Backup
from .faults import Effect, Fault, lost_answer, removed_family, throttled, unavailable
from .fleet import AccessKey, Fleet, IamUser, Instance, PastBackup, Project, Rules, example_fleet, read_fleet
from .request_log import Request
from .responses import AnswerTooLate, ConnectionDropped
from .server import Running, serve
from .state import Cloud
from .transport import EmulatorTransport

__all__ = [
    "AccessKey", "AnswerTooLate", "Backup", "Cloud", "ConnectionDropped", "Effect", "EmulatorTransport", "Fault",
    "Fleet", "IamUser", "Instance", "PastBackup", "Project", "Request", "Rules", "Running", "create_app",
    "example_fleet", "lost_answer", "read_fleet", "removed_family", "serve", "throttled", "unavailable",
]  # fmt: skip
