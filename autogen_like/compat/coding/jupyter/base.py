"""``autogen.coding.jupyter.base``."""

from ....coding.jupyter.connection import JupyterConnectable, JupyterConnectionInfo

__all__ = ["JupyterConnectable", "JupyterConnectionInfo"]
