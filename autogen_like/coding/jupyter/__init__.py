"""Running code in Jupyter kernels, which remember what earlier code did."""
