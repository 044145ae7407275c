"""The steps, named by their number: Alembic finds them by their files."""
