"""Speaking to language models. See `autogen_like.models.client` for the protocol that they all follow."""
