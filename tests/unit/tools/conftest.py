"""The tools are programs and not a package, so their modules need an entry in sys.path."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools"))
