"""Registry (节点名录): networks, cells and credentials as facts that every service follows.

Publishes to `registry.>`; consumes `registry.>`. Keeps no table: its read side is the folded directory.
"""
