"""Attacks over HTTP: by another tenant, a reader, a client without a token, and a guest.

``test_routes`` is generated from the route table: it fails for a new route without a recipe (see
``recipes.py``). The other files have the attacks that cannot be derived from the table.
"""
