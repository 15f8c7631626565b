"""nova-mini-status upgrade check: whether this release can run on what is there."""

from __future__ import annotations

import sys

from oslo_upgradecheck import upgradecheck

from nova_mini import db, objects
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.service import SERVICE_VERSION, ServiceList


class Checks(upgradecheck.UpgradeCommands):
    def _check_tables(self) -> upgradecheck.Result:
        """Every migration of this release has run."""
        db.session.configure(CONF)
        missing = db.migration.missing()
        if missing:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE, f"run 'nova-mini-manage db sync': {missing} is missing"
            )
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    def _check_services(self) -> upgradecheck.Result:
        """No living service is older than what this release can speak to."""
        objects.register_all()
        services = ServiceList.get_all(get_admin_context())
        old = [
            f"{s.binary} on {s.host}" for s in services if s.is_up and s.version < SERVICE_VERSION
        ]
        if old:
            return upgradecheck.Result(
                upgradecheck.Code.WARNING, f"restart with this release: {', '.join(old)}"
            )
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    _upgrade_checks = (("Database", _check_tables), ("Services", _check_services))


def main() -> int:
    return upgradecheck.main(CONF, project="nova-mini", upgrade_command=Checks())


if __name__ == "__main__":
    sys.exit(main())
