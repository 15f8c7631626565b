"""nova-mini-api: the Compute API and the metadata service, in several worker processes."""

from __future__ import annotations

import sys

from nova_mini import service
from nova_mini.wsgi.server import ApiServer


def main() -> int:
    service.read_configuration(sys.argv[1:])
    ApiServer().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
