"""Unprivileged users that exist only in the node; the machine's users are not changed."""

NUMBERS = {"nova-mini": 47740, "openstack": 47741}


def ids(name: str) -> tuple[int, int]:
    """Return (uid, gid) of a user of the stack."""
    return NUMBERS[name], NUMBERS[name]


def passwd(machine: str) -> str:
    """Return the machine's /etc/passwd with the users of the stack added."""
    entry = "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
    return machine + "".join(entry.format(name=name, uid=uid) for name, uid in NUMBERS.items())


def group(machine: str) -> str:
    """Return the machine's /etc/group with a group for each user of the stack."""
    return machine + "".join(f"{name}:x:{gid}:\n" for name, gid in NUMBERS.items())
