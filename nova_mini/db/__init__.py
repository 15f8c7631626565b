"""The database: tables, queries, migrations.

``from nova_mini import db`` imports nothing else: a module of queries, and SQLAlchemy with it, is
imported when it is first used. So the objects can refer to their queries directly, and a compute,
which runs none of them, does not load SQLAlchemy.
"""

import importlib


def __getattr__(name: str):
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as exc:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from exc
