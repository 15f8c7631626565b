"""The database: tables, queries, migrations.

``from nova_mini import db`` costs nothing: a module of queries, and SQLAlchemy with it, is imported
when it is first used. So the objects can name their queries plainly, and a compute, which never
runs one, never loads the means to.
"""

import importlib


def __getattr__(name: str):
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as exc:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from exc
