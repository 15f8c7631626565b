"""The tools are programs, not a package: their parts are found beside them."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools"))
