"""Versioned objects: the nouns of the system.

Only this package and ``db`` know the database; a compute uses the same objects with
``NovaObject.indirection_api`` set, and never imports ``nova_mini.db``.
"""


def register_all() -> None:
    """Import every object, so that a serializer can make whatever arrives in a message."""
    from nova_mini.objects import (  # noqa: F401
        aggregate,
        block_device_mapping,
        compute_node,
        flavor,
        instance,
        instance_action,
        instance_fault,
        keypair,
        quotas,
        request_spec,
        selection,
        service,
    )
