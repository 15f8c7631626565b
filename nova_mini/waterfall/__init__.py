"""The command ``nova-mini-manage trace``: the walk of a request through the services, as a picture.

Everything is in the history of the server: see :mod:`nova_mini.trace`.
"""
