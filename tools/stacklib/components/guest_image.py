"""The small guest image, built on this machine from Debian's packages."""

from pathlib import Path

from stacklib import command, files, milestones
from stacklib.component import Component
from stacklib.stack import REPOSITORY, Stack

TOOL = REPOSITORY / "tools" / "guest"
PACKAGES_INSTALLED = Path("/var/lib/dpkg/status")


def _packages() -> tuple[str, ...]:
    lines = (TOOL / "packages").read_text().splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


class GuestImage(Component):
    """Disk images of the guest, in the stack's directory."""

    name = "guest-image"
    needs = ("packages",)
    packages = _packages()

    def install(self, stack: Stack) -> None:
        """Build the images if the tool or its packages have changed."""
        images = stack.directory / "images"
        tree = sorted(path for path in TOOL.rglob("*") if path.is_file())
        inputs = [files.digest([*tree, PACKAGES_INSTALLED]), sorted(map(str, tree))]
        argv = [str(TOOL / "build"), str(images)]
        milestones.once(
            stack,
            self.name,
            inputs,
            lambda: command.logged(argv, stack.log(self.name), timeout=300),
        )
