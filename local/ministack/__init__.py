"""The real template, deployed by SAM to ministack, an emulator of AWS that enforces IAM and needs no Docker."""

from .account import ACCOUNT_ID, REGION, Account, AccountFailed, Keys, run_account
from .deployment import DeploymentFailed, deploy
from .fit import Fitted, fit

__all__ = [
    "ACCOUNT_ID",
    "REGION",
    "Account",
    "AccountFailed",
    "DeploymentFailed",
    "Fitted",
    "Keys",
    "deploy",
    "fit",
    "run_account",
]
