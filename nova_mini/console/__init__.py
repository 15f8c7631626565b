"""The console proxies: from a websocket of a browser to a console of a guest.

A proxy faces users, so it has no access to the database: it validates a token through a conductor,
and asks the compute of the server's host whether the guest still has the port.
"""
