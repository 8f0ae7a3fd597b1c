"""A repository of restic's with snapshots of any times, and what restic's `forget` would keep of them."""

import json
import os
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

OWN = Path(__file__).parents[2] / ".tools" / "restic"
"""Where tools/get-restic puts it."""
FIRST_WITH_OLDEST = (0, 16)
"""Before this version a rule that had counts left did not keep the oldest snapshot."""


def find_restic() -> str | None:
    """The path of a restic whose rules are today's, if there is one."""
    found = shutil.which("restic", path=f"{OWN}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        return None
    version = subprocess.run([found, "version"], capture_output=True, text=True, check=True).stdout
    numbers = re.match(r"restic (\d+)\.(\d+)", version)
    return found if numbers and (int(numbers[1]), int(numbers[2])) >= FIRST_WITH_OLDEST else None


@dataclass(frozen=True, slots=True)
class Repository:
    """A new repository in `folder`. restic reads and prints times by the clock of `zone`."""

    restic: str
    folder: Path
    zone: str

    def create(self, snapshots: Mapping[str, Sequence[datetime]]) -> None:
        """Write snapshots of each host, as restic would: `backup` would take half a second for each."""
        self._run("init", "--quiet")
        keys = json.loads(self._run("cat", "masterkey"))
        for host, times in snapshots.items():
            for time in times:
                record = {"time": time.isoformat(), "tree": "0" * 64, "paths": ["/"], "hostname": host}
                sealed = seal(json.dumps(record).encode(), keys)
                (self.folder / "snapshots" / sha256(sealed).hexdigest()).write_bytes(sealed)

    def forget(self, options: Mapping[str, int | str]) -> dict[str, list[tuple[datetime, tuple[str, ...]]]]:
        """Of each host the kept times with their reasons, newest first."""
        texts = [f"--{name}={'unlimited' if value == -1 else value}" for name, value in options.items()]
        printed = self._run("forget", "--dry-run", "--json", "--no-lock", "--group-by", "host", *texts)
        return {group["host"]: list(read_reasons(group["reasons"])) for group in json.loads(printed)}

    def _run(self, *arguments: str) -> str:
        zones = str(files("tzdata") / "zoneinfo")
        environment = {"RESTIC_PASSWORD": "none", "TZ": self.zone, "ZONEINFO": zones, "HOME": str(self.folder)}
        command = [self.restic, "--repo", str(self.folder), "--no-cache", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout


def read_reasons(reasons: Iterable[dict[str, Any]]) -> Iterable[tuple[datetime, tuple[str, ...]]]:
    for reason in reasons:
        words = tuple(match.removesuffix(" snapshot") for match in reason["matches"])
        yield datetime.fromisoformat(reason["snapshot"]["time"]), words


def seal(content: bytes, keys: dict[str, Any]) -> bytes:
    """Encrypt with AES-256 in counter mode and sign with Poly1305-AES: the format of a repository's files."""
    nonce = os.urandom(16)
    encryptor = Cipher(AES(b64decode(keys["encrypt"])), CTR(nonce)).encryptor()
    ciphertext = encryptor.update(content) + encryptor.finalize()
    signer = Cipher(AES(b64decode(keys["mac"]["k"])), ECB()).encryptor()  # noqa: S305 - one block, by the format
    one_time_key = b64decode(keys["mac"]["r"]) + signer.update(nonce) + signer.finalize()
    return nonce + ciphertext + Poly1305.generate_tag(one_time_key, ciphertext)
