"""The versioned objects, which all services use.

Only this package and ``db`` use the database. In a compute ``NovaObject.indirection_api`` is set,
and the queries run in a conductor.
"""


def register_all() -> None:
    """Import every object, so that the serializer knows all classes that a message may contain."""
    from nova_mini.objects import (  # noqa: F401
        aggregate,
        block_device_mapping,
        compute_node,
        console_auth_token,
        evacuated_host,
        flavor,
        instance,
        instance_action,
        instance_collection,
        instance_fault,
        instance_group,
        keypair,
        migration,
        quotas,
        request_spec,
        selection,
        service,
    )
