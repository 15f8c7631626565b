"""Work on a whole host, for the commands ``nova-mini-manage host``.

The commands act as an administrator does by the API: they change the service, and begin actions on
servers. So everything that was begun goes on when a command ends, whatever the reason.
"""
