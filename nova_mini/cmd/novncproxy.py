"""nova-mini-novncproxy: brings VNC consoles, with noVNC's pages to browsers."""

from __future__ import annotations

from typing import NoReturn

from nova_mini.conf import CONF
from nova_mini.console import service
from nova_mini.console.server import Settings
from nova_mini.objects.console_auth_token import NOVNC


def _settings() -> Settings:
    return Settings(
        name="nova-mini-novncproxy",
        host=str(CONF.vnc.novncproxy_host),
        port=CONF.vnc.novncproxy_port,
        console_types=(NOVNC,),
        web=CONF.web or "/usr/share/novnc",
    )


def main() -> NoReturn:
    service.run(_settings)


if __name__ == "__main__":
    main()
