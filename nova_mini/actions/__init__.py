"""The engine: operations on servers that are finished even if any process dies.

A request is committed as an *intent*: one transaction writes the server's new task_state and a row
of ``instance_actions`` with everything that is needed to do the work. The message that follows only
announces the row. A process *claims* the row, does the work in idempotent steps, and *finishes* the
row in the transaction that saves the server. If the owner of the claim dies, the row is sent again,
and the operation is repeated from its beginning.

- :mod:`.registry`    the fields of an operation, for example what to do when its host is down
- :mod:`.parameters`  the parameters of each operation, and how they are stored
- :mod:`.operations`  the table of all operations, and of the actions that users see
- :mod:`.claims`      a claimed action: finish it, hand it over or requeue it
- :mod:`.context`     the context of a running operation: server, disks, attempt; ``compensate``
- :mod:`.runner`      runs operations on a host: one at a time for each server
- :mod:`.reconcile`   sends actions without an owner again, on the conductors
- :mod:`.errors`      the errors that are retried, and those that mean that ownership is lost

The rows themselves are objects (:mod:`nova_mini.objects.instance_action`), and their queries are in
:mod:`nova_mini.db.actions`.
"""
