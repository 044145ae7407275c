"""Tools of MCP servers. `tools.McpTools` is the public name; the other files are what it is made of."""
