"""The stack, deployed once by SAM to an emulated account, and the emulated cloud whose databases it backs up."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from local import gaussdb_emulator
from local.aws_emulator.stack import read_template
from local.ministack import ACCOUNT_ID, REGION, Account, Keys, deploy, fit, run_account
from local.ministack.policies import COMMAND_LINE, DEPLOYING, read_policies
from tests.helpers.deployed import DeployedStack, Project
from tests.helpers.gaussdb import make_cloud
from tests.helpers.notifications import ENABLED

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "build"
PARAMETERS = {"TrackFirstDelaySeconds": "1", "HttpTimeoutSeconds": "2"}
STACK = "gaussdb-backup"

type Deploy = Callable[[str, Mapping[str, str]], DeployedStack]


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with run_account(tmp_path_factory.mktemp("account")) as running:
        yield running


@pytest.fixture(scope="session")
def project(account: Account) -> Iterator[Project]:
    cloud = make_cloud()
    with gaussdb_emulator.serve(cloud) as running:
        project = Project(cloud, running.url, account)
        project.put_secret()
        yield project


def make_user(account: Account, stack: str, section: tuple[Path, str], name: str) -> Keys:
    """Make a user who has the policies of a section of the documents for a stack, and nothing else."""
    iam, name = account.client("iam"), f"{name}-{stack}"
    iam.create_user(UserName=name)
    # The emulator looks for a schedule of any group in the default one, and has actions of its own for batches.
    actions = [f"sqs:{verb}Message{what}" for verb, what in (("Send", ""), ("Delete", ""), ("Change", "Visibility"))]
    batches = {f'"{action}"': f'"{action}", "{action}Batch"' for action in actions}
    placeholders = {
        "schedule/STACK/": "schedule/default/",
        **batches,
        "ACCOUNT": ACCOUNT_ID,
        "REGION": REGION,
        "STACK": stack,
    }
    for number, policy in enumerate(read_policies(section, placeholders)):
        made = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(policy))
        iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
    return account.keys_of(name)


@pytest.fixture(scope="session")
def deploy_stack(account: Account) -> Deploy:
    """Deploy the built template, fitted to the emulator, as a stack with some parameters, as its deploying user."""
    users: dict[str, Keys] = {}

    def deployed(name: str, parameters: Mapping[str, str]) -> DeployedStack:
        values = PARAMETERS | dict(parameters)
        fitted = fit(read_template(BUILT / "template.yaml"), endpoint=account.endpoint, parameters=values)
        print(*fitted.changes, sep="\n")  # noqa: T201 - part of what the tests show
        path = BUILT / f"fitted-for-{name}.json"  # beside the code, to which its paths are relative
        path.write_text(json.dumps(fitted.template))
        if name not in users:
            users[name] = make_user(account, name, DEPLOYING, "deploys")
        print(deploy(account, name, path, values, keys=users[name]))  # noqa: T201
        return DeployedStack(account, name)

    return deployed


@pytest.fixture(scope="session")
def stack(deploy_stack: Deploy, scheduled_stack: DeployedStack) -> DeployedStack:
    """The stack that most tests use. The schedule of the other one has its minute while they run."""
    return deploy_stack(STACK, {})


@pytest.fixture(scope="session")
def scheduled_instance(project: Project) -> str:
    return project.add_instance("scheduled")


@pytest.fixture(scope="session")
def scheduled_stack(deploy_stack: Deploy, scheduled_instance: str) -> DeployedStack:
    """A second stack in the same account and region, whose schedule runs each minute, with each channel."""
    parameters = {
        "ScheduleState": "ENABLED",
        "ScheduleExpression": "rate(1 minute)",
        "InstanceIds": scheduled_instance,
        **ENABLED,
        "RetentionRules": json.dumps({"last": 3, "daily": 7}),
    }
    return deploy_stack("second", parameters)


@pytest.fixture(scope="session")
def operator(account: Account, stack: DeployedStack) -> Keys:
    """A user who has the policies of docs/reference/command_line.md for the stack, and nothing else."""
    return make_user(account, stack.name, COMMAND_LINE, "operates")


@pytest.fixture
def project_of_its_own(project: Project) -> Project:
    """A project with a connection of its own, so that what happens to it concerns no other test."""
    name = uuid4().hex
    key = gaussdb_emulator.AccessKey(access_key=f"AK{uuid4().hex[:18]}", secret_key=uuid4().hex, project_id=name)
    project.cloud.add_project(gaussdb_emulator.Project(id=name, name=f"eu-de_{name[:8]}"))
    project.cloud.add_key(key)
    own = Project(project.cloud, project.url, project.account, name, name)
    own.put_secret(access_key=key.access_key, secret_key=key.secret_key)
    return own
