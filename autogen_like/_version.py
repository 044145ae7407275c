"""The version, alone in a file so that rooms and the build can read it without importing the package's face."""

__version__ = "0.1.0"
