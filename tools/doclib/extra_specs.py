"""`docs/reference/extra-specs.md`, from the registry in `nova_mini.guest_options`."""

from collections.abc import Iterable

from nova_mini.guest_options.flavor_options import EXTRA_SPECS
from nova_mini.guest_options.image_options import IMAGE_PROPERTIES
from nova_mini.guest_options.option import Option, Refusal, Registry

PATH = "docs/reference/extra-specs.md"

_INTRODUCTION = """\
# Extra specs and image properties

For a user or operator who writes a flavor or an image. This page is generated from the code by
`tools/docs`.

The extra specs of a flavor and the properties of an image request things for a server. A server
that boots from a volume has the properties of the image that the volume was made from. Each key
that Nova knows is in one of the tables below.

* **Acted on**: the guest, or the choice of its host, follows the value. The keys of a filter are
  refused if it is not in `[filter_scheduler] enabled_filters`.
* **Refused**: nothing in this cloud can do what the key requests, so a server with it is not
  created. Its create or unshelve ends with the fault "No valid host was found", which names the
  key; a rebuild answers 400. A value that requests no more than every guest has is accepted: a
  switch that is off, a limit of 0, and what the last column says. Keys marked 400 are refused by
  the API, as in Nova. So are values that a key does not accept.
* **Without effect**: the key only changes how something else is done, or belongs to something
  that no server here has. It is accepted.

Every other key has no meaning for Nova. It describes a flavor or an image to people, and is
accepted. Values that are supported one by one, but not together, are refused with the reason; see
[Guest hardware](../operations/guest-hardware.md).

If AggregateInstanceExtraSpecsFilter is enabled, each extra spec without a colon must
be met by the metadata of an aggregate, as in Nova; prefer the scope
`aggregate_instance_extra_specs:`.

From microversion 2.86 on, the API checks the extra specs of a flavor when they are set: a value
that the key does not accept, or a key that does not exist in one of Nova's namespaces, is
answered with 400.
"""

# Values that request nothing special, for the options whose rule is not in the introduction.
_NOTES = {
    "cpu_max_sockets": "a limit that the guest's topology keeps is accepted",
    "cpu_max_cores": "a limit that the guest's topology keeps is accepted",
    "cpu_max_threads": "a limit that the guest's topology keeps is accepted",
    "pci_numa_affinity_policy": "`legacy` and `preferred` are accepted",
    "resources:VCPU": "the flavor's own amount is accepted",
    "resources:MEMORY_MB": "the flavor's own amount is accepted",
    "resources:DISK_GB": "the flavor's own amount is accepted",
    "resources{group}:{resource}": "`0` is accepted",
    "hw_rng_model": "`virtio` is accepted",
    "vmware_adaptertype": "accepted beside `hw_disk_bus`",
    "mappings": "an empty list is accepted",
}


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    for title, registry in (("Extra specs", EXTRA_SPECS), ("Image properties", IMAGE_PROPERTIES)):
        parts += _tables(title, registry)
    return "\n".join(parts)


def _tables(title: str, registry: Registry) -> Iterable[str]:
    acted = [o for o in registry.options if o.actor]
    refused = [o for o in registry.options if not o.actor and not o.is_ignored]
    ignored = [o for o in registry.options if o.is_ignored]
    yield f"## {title}\n"
    yield "### Acted on\n"
    yield _table(("key", "values", "by"), ((_key(o), _values(o), o.actor) for o in acted))
    yield "### Refused\n"
    yield _table(("key", "why", "but"), ((_key(o) + _code(o), o.reason, _note(o)) for o in refused))
    yield "### Without effect\n"
    yield _table(("key", "why"), ((_key(o), o.reason) for o in ignored))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *sorted(rows)]
    return "".join(f"| {' | '.join(_cell(each) for each in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _key(option: Option) -> str:
    return f"`{option.key}`"


def _values(option: Option) -> str:
    return option.reason if option.is_default else str(option.values)


def _code(option: Option) -> str:
    return " (400)" if option.refusal is Refusal.BAD_REQUEST else ""


def _note(option: Option) -> str:
    plain = option.key.removeprefix("hw:").removeprefix("hw_")
    return _NOTES.get(option.key) or _NOTES.get(plain, "")
