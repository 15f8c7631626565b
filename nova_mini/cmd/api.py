"""nova-mini-api: the Compute API and the metadata service, in several worker processes."""

from __future__ import annotations

import sys

from nova_mini import memory, service
from nova_mini.wsgi.server import ApiServer


def main() -> int:
    memory.share_one_arena()
    service.read_configuration(sys.argv[1:])
    ApiServer().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
