"""Runs, conversations, openings and records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_time = sa.Float(53)


def upgrade() -> None:
    """Makes the tables."""
    _runs()
    _conversations()
    _openings()
    _records()


def _runs() -> None:
    op.create_table(
        "autogen_like_runs",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("started", _time, nullable=False),
        sa.Column("updated", _time, nullable=False),
        sa.Column("forked_from", sa.Text),
        sa.Column("stop", sa.String),
        sa.Column("reason", sa.Text),
        sa.Column("owner", sa.String),
        sa.Column("expires", _time, nullable=False),
        sqlite_autoincrement=True,
    )


def _conversations() -> None:
    op.create_table(
        "autogen_like_conversations",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("run", _number, sa.ForeignKey("autogen_like_runs.number", ondelete="CASCADE"), nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("past", _number, sa.ForeignKey("autogen_like_conversations.number")),
        sa.Column("shared", sa.Integer, nullable=False),
        sa.UniqueConstraint("run", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("autogen_like_conversations_by_id", "autogen_like_conversations", ["id"])
    op.create_index("autogen_like_conversations_by_past", "autogen_like_conversations", ["past"])


def _openings() -> None:
    conversation = sa.ForeignKey("autogen_like_conversations.number", ondelete="CASCADE")
    op.create_table(
        "autogen_like_openings",
        sa.Column("run", _number, sa.ForeignKey("autogen_like_runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("conversation", _number, conversation, nullable=False),
        sa.Column("participants", sa.Text, nullable=False),
        sa.Column("record", _number, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("closed", sa.Text),
        sa.Column("until", _number),
    )
    op.create_index("autogen_like_openings_by_conversation", "autogen_like_openings", ["conversation"])


def _records() -> None:
    conversation = sa.ForeignKey("autogen_like_conversations.number", ondelete="CASCADE")
    op.create_table(
        "autogen_like_records",
        sa.Column("run", _number, sa.ForeignKey("autogen_like_runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", _number, primary_key=True, autoincrement=False),
        sa.Column("conversation", _number, conversation, nullable=False),
        sa.Column("place", sa.Integer),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", _time, nullable=False),
        sa.Column("message", sa.String),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.UniqueConstraint("conversation", "place"),
    )
