"""``autogen.version``: the version whose API this is."""

__version__ = "0.2.40"
