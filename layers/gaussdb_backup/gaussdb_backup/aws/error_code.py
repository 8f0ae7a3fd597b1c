"""Why a call of AWS failed, in one word."""

from botocore.exceptions import BotoCoreError, ClientError


def aws_error_code(error: BotoCoreError | ClientError) -> str:
    """Return AWS's code (`AccessDenied`), or the class where there was no response (`ConnectTimeoutError`).

    Its text is left out: it names accounts, roles and resources.
    """
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return code or type(error).__name__
