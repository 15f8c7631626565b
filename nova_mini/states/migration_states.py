"""The status of a migration: the move of a server to another host, or to another flavor.

A cold migration or a resize goes from PRE_MIGRATING to FINISHED, then to CONFIRMED (the server
stays at the destination) or to REVERTED (it is back at the source). A live migration goes from
ACCEPTED over PREPARING, QUEUED, RUNNING and POST_MIGRATING to COMPLETED; or it ends as ERROR (it
could not begin), FAILED or CANCELLED, and the guest runs at the source. An evacuation goes from
ACCEPTED over PRE_MIGRATING to DONE, and to COMPLETED when its source has returned and has cleaned
up.
"""

PRE_MIGRATING = "pre-migrating"  # a host is being chosen, and prepared
MIGRATING = "migrating"  # the source stops the guest and gives the server away
POST_MIGRATING = "post-migrating"  # the destination builds the guest
FINISHED = "finished"  # the guest runs at the destination; the source keeps what a revert needs
CONFIRMING = "confirming"
CONFIRMED = "confirmed"
REVERTING = "reverting"
REVERTED = "reverted"
ERROR = "error"  # the server is at its source again, or broken there

# A host is being chosen, and the source is checked; for an evacuation: it is not fenced yet.
ACCEPTED = "accepted"
PREPARING = "preparing"  # the destination checks and prepares
QUEUED = "queued"  # the destination is ready; the source has other live migrations to finish first
RUNNING = "running"  # the memory of the guest is copied
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"

DONE = "done"  # evacuated; the source did not return yet

#: The server stays where it was; its destination has nothing of it any more.
STAYED = frozenset({REVERTED, ERROR, FAILED, CANCELLED})
#: The server is at its destination; its source has nothing of it any more, or is down.
MOVED = frozenset({CONFIRMED, DONE, COMPLETED})
ENDED = STAYED | MOVED
#: A live migration is in progress.
LIVE_IN_PROGRESS = frozenset({QUEUED, PREPARING, RUNNING, POST_MIGRATING})
