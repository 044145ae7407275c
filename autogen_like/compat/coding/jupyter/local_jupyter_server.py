"""``autogen.coding.jupyter.local_jupyter_server``."""

from ....coding.jupyter.servers import LocalJupyterServer

__all__ = ["LocalJupyterServer"]
