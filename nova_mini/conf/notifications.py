"""Options of the notifications."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "notifications": [
        cfg.StrOpt(
            "notification_format",
            default="unversioned",
            choices=["unversioned", "versioned", "both"],
            help="Which form of notifications is sent. Some exist in one form only.",
        ),
        cfg.ListOpt(
            "versioned_notifications_topics",
            default=["versioned_notifications"],
            help="The topics to which each versioned notification is sent.",
        ),
        cfg.BoolOpt(
            "bdms_in_notifications",
            default=False,
            help="Versioned notifications contain the volumes of the server. They are read from "
            "the database for each.",
        ),
        cfg.StrOpt(
            "notify_on_state_change",
            choices=["vm_state", "vm_and_task_state"],
            help="Send the notification compute.instance.update after each change of a server. "
            "vm_state: the former states are reported when the vm_state has changed; "
            "vm_and_task_state: also when only the task_state has. By default none is sent.",
        ),
    ],
    "DEFAULT": [
        cfg.BoolOpt(
            "instance_usage_audit",
            default=False,
            help="At the end of each instance_usage_audit_period, a conductor sends the "
            "notification compute.instance.exists for every server that existed in it. "
            "os-instance_usage_audit_log shows for which hosts this is done.",
        ),
        cfg.StrOpt(
            "instance_usage_audit_period",
            default="month",
            regex=r"^(hour(@[0-5]?[0-9])?|day(@([01]?[0-9]|2[0-3]))?"
            r"|month(@([01]?[0-9]|2[0-8]))?|year(@(0?[0-9]|1[0-2]))?)$",
            help="The periods of usage audits and of os-instance_usage_audit_log: hour, day, month "
            "or year. @NUMBER after it moves the begin of a period to this minute, hour, day or "
            "month.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
