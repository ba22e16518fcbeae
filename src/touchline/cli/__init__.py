"""The terminal: each command parses, calls one verb of a workspace, and shows what it returns."""
