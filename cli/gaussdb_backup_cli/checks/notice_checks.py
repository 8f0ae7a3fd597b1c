"""Whether anybody is notified, and of what the alarms warn."""

from gaussdb_backup_cli.checks.queue_checks import RUNBOOK
from gaussdb_backup_cli.checks.resources import TOPIC, Subject
from gaussdb_backup_cli.checks.results import Outcome, Result


def check_notifications(subject: Subject) -> Result:
    """Whether anybody is notified."""
    name, topic = "notifications", subject.resources.id_of(TOPIC)
    pages = subject.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    pending = arns.count("PendingConfirmation")
    confirmed = sum(arn.startswith("arn:") for arn in arns)
    detail = f"{confirmed} confirmed, {pending} pending"
    if confirmed:
        return Result(name, Outcome.OK, detail)
    if pending:
        action = "confirm it with the link of the e-mail from AWS"
        return Result(name, Outcome.NEEDS_YOU, f"{detail}: nobody is notified", action)
    action = subject.actions.deploy("NotificationEmail=ops@example.com")
    return Result(name, Outcome.NEEDS_YOU, "the topic has no subscription: nobody is notified", action)


def check_alarms(subject: Subject) -> Result:
    """Whether any alarm is in the state ALARM. One without data is well: most have none while nothing happens."""
    names = list(subject.resources.of_type("AWS::CloudWatch::Alarm").values())
    pages = subject.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=names)
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    unknown = sum(alarm["StateValue"] == "INSUFFICIENT_DATA" for alarm in alarms)
    without = f", {unknown} without data" if unknown else ""
    if on := sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"):
        action = f"{RUNBOOK} has a section about each"
        return Result("alarms", Outcome.NEEDS_YOU, f"in ALARM: {', '.join(on)}{without}", action)
    return Result("alarms", Outcome.OK, f"none of {len(alarms)} in ALARM{without}")
