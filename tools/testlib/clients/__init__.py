"""The tier `clients`: the functional tests of clients that others wrote, against a fake cloud."""
