"""An emulator of the GaussDB(for MySQL) API and of IAM, which checks the vendor's signatures and applies faults.

In a test: `httpx.Client(transport=EmulatorTransport(create_app(Cloud(fleet))), base_url="https://gaussdb.test")`.
Over a socket: `with serve(Cloud(fleet)) as running: running.url`.
"""

from .app import create_app
from .backups import Backup
from .faults import Effect, Fault, lost_response, removed_api_prefix, throttled, unavailable
from .fleet import AccessKey, Fleet, IamUser, Instance, PastBackup, Project, Rules, VaultLock, example_fleet, read_fleet
from .request import LoggedRequest
from .responses import ConnectionDropped, ResponseTooLate
from .server import Running, serve
from .state import Cloud
from .transport import EmulatorTransport

__all__ = [
    "AccessKey", "Backup", "Cloud", "ConnectionDropped", "Effect", "EmulatorTransport", "Fault", "Fleet", "IamUser",
    "Instance", "LoggedRequest", "PastBackup", "Project", "ResponseTooLate", "Rules", "Running", "VaultLock",
    "create_app",
    "example_fleet", "lost_response", "read_fleet", "removed_api_prefix", "serve", "throttled", "unavailable",
]  # fmt: skip
