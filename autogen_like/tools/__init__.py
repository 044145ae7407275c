"""Functions that a model may call: their description, the call, and the toolbox that holds them."""
