"""What a message lacks stands in its own row: to find those that are stale nothing else is read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    touched = sa.Column("touched", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("posts", touched)
    op.execute(
        "UPDATE posts SET touched = coalesce((SELECT tickets.touched FROM tickets "
        "WHERE tickets.id = substr(posts.subject, 8)), 0) WHERE subject LIKE 'ticket:%'"
    )
    op.drop_column("tickets", "touched")
    op.create_index("ix_posts_subject", "posts", ["subject"])
    op.create_index("ix_posts_place_number", "posts", ["place", "number"])
    stale = sa.text("shown_seq < touched")
    op.create_index("ix_posts_stale", "posts", ["audience"], sqlite_where=stale)


def downgrade() -> None:
    for name in ("stale", "place_number", "subject"):
        op.drop_index(f"ix_posts_{name}", "posts")
    op.drop_column("posts", "touched")
    touched = sa.Column("touched", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("tickets", touched)
    op.execute(
        "UPDATE tickets SET touched = coalesce((SELECT max(seq) FROM events "
        "WHERE events.ticket = tickets.id), 0)"
    )
