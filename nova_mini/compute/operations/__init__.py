"""The host's side of Compute: a module for each operation on a server.

Operations take an :class:`nova_mini.actions.context.OperationContext` and are idempotent.
"""
