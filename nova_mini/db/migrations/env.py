"""Alembic's entry: it runs on the connection that ``db.migration`` gives it."""

from alembic import context

from nova_mini.db import models


def render_item(kind, item, autogen_context):
    """Migrations stand by themselves: they name the plain types behind ours."""
    if kind == "type" and isinstance(item, models.JsonText):
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
