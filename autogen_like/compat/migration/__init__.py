"""Moving AutoGen 0.2's scripts: their imports rewritten, and what behaves differently told line by line."""

from .files import Report, migrate
from .findings import Finding

__all__ = ["Finding", "Report", "migrate"]
