"""Every file that is generated from the code."""

from __future__ import annotations

from collections.abc import Callable

from doclib import api, configuration, extra_specs

#: Path in the repository -> the function that makes the file.
FILES: dict[str, Callable[[], str]] = {
    api.PATH: api.page,
    configuration.PATH: configuration.page,
    configuration.SAMPLE_PATH: configuration.sample,
    extra_specs.PATH: extra_specs.page,
}
