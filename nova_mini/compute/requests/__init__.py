"""The API's side of Compute: turns requests of users into checked intents.

Nothing here runs on a host: the host's side is in :mod:`nova_mini.compute.operations`.
"""
