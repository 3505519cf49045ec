"""The `liandong` command: runs the machine, applies networks, issues keys, rebuilds views. Nobody imports it."""
