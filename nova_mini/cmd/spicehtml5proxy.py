"""nova-mini-spicehtml5proxy: brings SPICE consoles, with the pages of spice-html5 to browsers."""

from __future__ import annotations

from typing import NoReturn

from nova_mini.conf import CONF
from nova_mini.console import service
from nova_mini.console.server import Settings
from nova_mini.objects.console_auth_token import SPICE_HTML5


def _settings() -> Settings:
    return Settings(
        name="nova-mini-spicehtml5proxy",
        host=str(CONF.spice.html5proxy_host),
        port=CONF.spice.html5proxy_port,
        console_types=(SPICE_HTML5,),
        web=CONF.web or "/usr/share/spice-html5",
    )


def main() -> NoReturn:
    service.run(_settings)


if __name__ == "__main__":
    main()
