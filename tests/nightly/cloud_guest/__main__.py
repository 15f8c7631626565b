"""Build the guest's root disk, kernel and initial RAM disk: ``python -m … DIRECTORY``.

They are in the only folder below DIRECTORY. If they exist and fit this source, nothing is done.
``tools/test`` calls it outside of the stack's node, where Debian's packages can be fetched.
"""

import pathlib
import sys

from tests.nightly.machine.image import Debian

SPARE = 256 << 20  # bytes; disk and what is on it must fit into the 1 GiB of flavor m1.tiny


def main(directory: str) -> None:
    Debian(pathlib.Path(__file__).parent, pathlib.Path(directory), SPARE).build()


main(sys.argv[1])
