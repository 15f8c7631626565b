"""The environment of alembic. It runs on the connection of ``db.migration``."""

from alembic import context

from nova_mini.db import columns, models


def render_item(kind, item, autogen_context):
    """Migrations must not depend on the models, so they use plain types instead of JsonText."""
    if kind == "type" and isinstance(item, columns.JsonText):
        return "sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.metadata,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
