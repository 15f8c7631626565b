"""The periodic tasks of a host, and the parts of its service that operations use."""
