"""Running code blocks that a model wrote."""
