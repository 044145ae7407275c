"""Loads SQLAlchemy: the first import of what is built on it, so that its absence is said once, with the cure."""

from __future__ import annotations

from ..core.errors import MissingExtra

try:
    import alembic as _alembic  # noqa: F401
    import sqlalchemy as _sqlalchemy  # noqa: F401
except ImportError:
    raise MissingExtra("a store of conversations", "store") from None
