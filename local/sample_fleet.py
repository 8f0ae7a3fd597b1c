"""The instances and backups that the sample events name, so that each sample finds its own in `python -m local`."""

from datetime import UTC, datetime

from local import gaussdb_emulator

KEY = gaussdb_emulator.AccessKey(access_key="LOCALACCESSKEY", secret_key="local-secret-key")  # noqa: S106 - invented
INSTANCE_IDS = ("d8e6ca5a624745bcb546a227aa3ae1cfin07", "9b2d1f0e6c7a4d3f8e5b4a3c2d1e0f9ain07")
_BEGIN_TIME = datetime(2026, 11, 22, 1, 30, 4, tzinfo=UTC)

FLEET = gaussdb_emulator.Fleet(
    projects=(gaussdb_emulator.Project(),),
    access_keys=(KEY,),
    instances=tuple(
        gaussdb_emulator.Instance(id=id_, name=f"sample-{id_[:8]}", tags={"env": "prod"}) for id_ in INSTANCE_IDS
    ),
    backups=(
        gaussdb_emulator.PastBackup(
            id="000000000000000000000000000000c1br07",
            instance_id=INSTANCE_IDS[0],
            name="nightly-d8e6ca5a-20261122T023000",
            begin_time=_BEGIN_TIME,
        ),
        gaussdb_emulator.PastBackup(
            id="000000000000000000000000000000c2br07",
            instance_id=INSTANCE_IDS[1],
            name="nightly-9b2d1f0e-20261122T023000",
            begin_time=_BEGIN_TIME,
            status="FAILED",
        ),
    ),
)
"""One of the backups ended well, the other failed."""
