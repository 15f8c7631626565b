"""nova-mini-status upgrade check: whether this release can run in the existing cloud."""

from __future__ import annotations

import functools
import sys

from oslo_upgradecheck import upgradecheck

from nova_mini import db, objects
from nova_mini.cmd import failures
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.service import SERVICE_VERSION, ServiceList


def _needs_database(check):
    """A check that fails with a reason when the database is unavailable. oslo.upgradecheck would
    print a traceback."""

    @functools.wraps(check)
    def wrapped(self) -> upgradecheck.Result:
        try:
            return check(self)
        except failures.EXPECTED as exc:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, failures.sentence(exc))

    return wrapped


class Checks(upgradecheck.UpgradeCommands):
    @_needs_database
    def _check_tables(self) -> upgradecheck.Result:
        """Check that every migration of this release has run."""
        db.session.configure(CONF)
        missing = db.migration.missing()
        if missing:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE, f"run 'nova-mini-manage db sync': {missing} is missing"
            )
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    @_needs_database
    def _check_services(self) -> upgradecheck.Result:
        """Check that no running service is of an older release."""
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
    failures.silence_retries()
    try:
        return upgradecheck.main(CONF, project="nova-mini", upgrade_command=Checks())
    except failures.EXPECTED as exc:
        print(f"nova-mini-status: {failures.sentence(exc)}", file=sys.stderr)
        return failures.EXIT_STATUS


if __name__ == "__main__":
    sys.exit(main())
