"""`docs/reference/configuration.md` and the sample configuration file, from `nova_mini.conf`."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable

from oslo_config import cfg, generator

from doclib import markdown
from nova_mini import conf
from nova_mini.conf._service import service_opts

PATH = "docs/reference/configuration.md"
SAMPLE_PATH = "etc/nova-mini/nova-mini.conf.sample"

_INTRODUCTION = """\
# Configuration

For an operator who looks up an option. This page is generated from the code by `tools/docs`.
[Three machines](../operations/three-machines.md) says which options must be set.

nova_mini reads `/etc/nova-mini/nova-mini.conf`, or the files that `--config-file` names.
`etc/nova-mini/nova-mini.conf.sample` in the repository has every option of this page as a comment
(`oslo-config-generator --namespace nova_mini` prints the same).
Options of the libraries (`[oslo_messaging_rabbit]`, `[database]`, `[keystone_authtoken]`,
`[oslo_policy]`, logging) are documented by these libraries; their names are the same as in Nova.

"SIGHUP reloads it" means: the option may be changed while the daemon runs; the daemon reads its
files again when it gets this signal. A change of every other option needs a restart.
"""

_SHARED = """\
## Access to external services

The groups {groups} have these options, too. They are keystoneauth's: how nova_mini logs in to
Keystone, and how it reaches the service. The options of the login itself (`auth_url`, `username`,
`password` and so on) depend on `auth_type`. `service_type` is different in each group.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    shared = service_opts()
    for group, options in sorted(conf.list_opts(), key=lambda item: (item[0] != "DEFAULT", item)):
        common = {option.name for option in shared.get(group, ())}
        own = [option for option in options if option.name not in common]
        if own:
            parts += [f"## [{group}]\n", _table(own)]
    groups = ", ".join(f"`[{group}]`" for group in sorted(shared))
    parts += [_SHARED.format(groups=groups), _table(_of_all(shared))]
    return "\n".join(parts)


def sample() -> str:
    """Return the sample file: each option as a comment, by oslo-config-generator.

    It finds the options by the entry point `nova_mini`, so nova_mini must be installed.
    """
    options = cfg.ConfigOpts()
    generator.register_cli_opts(options)
    options(["--namespace", "nova_mini", "--wrap-width", "90"], default_config_files=[])
    written = io.StringIO()
    generator.generate(options, written)
    return written.getvalue()


def _of_all(shared: dict[str, list[cfg.Opt]]) -> list[cfg.Opt]:
    """Each shared option once; its sample default shows that its groups differ."""
    found: dict[str, cfg.Opt] = {}
    for options in shared.values():
        for option in options:
            first = found.setdefault(option.name, option)
            if first.default != option.default:
                found[option.name] = copy.copy(first)
                found[option.name].sample_default = "see the sample file"
    return list(found.values())


def _table(options: Iterable[cfg.Opt]) -> str:
    rows = (
        (f"`{option.dest}`", _type(option), _default(option), markdown.plain(option.help or ""))
        for option in options
        if not option.deprecated_for_removal
    )
    return markdown.table(("option", "type", "default", "meaning"), rows)


def _type(option: cfg.Opt) -> str:
    """`integer, at least 1`"""
    kind = option.type
    limits = []
    if getattr(kind, "min", None) is not None:
        limits.append(f"at least {kind.min}")
    if getattr(kind, "max", None) is not None:
        limits.append(f"at most {kind.max}")
    if getattr(kind, "choices", None):
        limits.append("one of " + ", ".join(f"`{choice}`" for choice in kind.choices))
    name = getattr(kind, "type_name", "string value")  # keystoneauth's options are of Python's str
    return ", ".join([name.removesuffix(" value"), *limits])


def _default(option: cfg.Opt) -> str:
    value = option.default if option.sample_default is None else option.sample_default
    if value is None:
        return "not set"
    if isinstance(value, list):
        value = ",".join(str(each) for each in value)
    if isinstance(value, dict):
        value = ",".join(f"{key}:{each}" for key, each in value.items())
    return f"`{value}`" if value != "" else "empty"
