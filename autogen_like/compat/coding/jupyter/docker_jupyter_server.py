"""``autogen.coding.jupyter.docker_jupyter_server``."""

from ....coding.jupyter.docker import DockerJupyterServer

__all__ = ["DockerJupyterServer"]
