"""Users without privileges that live in the node alone; the machine's own list stays as it is."""

NUMBERS = {"nova-mini": 47740, "openstack": 47741}


def ids(name: str) -> tuple[int, int]:
    """Return (uid, gid) of one of our users."""
    return NUMBERS[name], NUMBERS[name]


def passwd(machine: str) -> str:
    """Return the machine's /etc/passwd with our users added."""
    entry = "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
    return machine + "".join(entry.format(name=name, uid=uid) for name, uid in NUMBERS.items())


def group(machine: str) -> str:
    """Return the machine's /etc/group with a group for each of our users."""
    return machine + "".join(f"{name}:x:{gid}:\n" for name, gid in NUMBERS.items())
