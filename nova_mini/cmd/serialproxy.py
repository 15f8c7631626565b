"""nova-mini-serialproxy: brings serial consoles to browsers."""

from __future__ import annotations

from typing import NoReturn

from nova_mini.conf import CONF
from nova_mini.console import service
from nova_mini.console.server import Settings
from nova_mini.objects.console_auth_token import SERIAL


def _settings() -> Settings:
    return Settings(
        name="nova-mini-serialproxy",
        host=str(CONF.serial_console.serialproxy_host),
        port=CONF.serial_console.serialproxy_port,
        console_types=(SERIAL,),
        web=CONF.web,
    )


def main() -> NoReturn:
    service.run(_settings)


if __name__ == "__main__":
    main()
