"""流转派单: classifies demands, assigns them, takes everything nodes and hubs do with them, keeps their time; evidence, erasure, check.

Consumes `DEMANDS_<cell>` (every commit), `REGISTRY` and fired timers (`TIMERS`); publishes the commits of `services.router.domain` on
`demand.<cell>.<network>.<part>.<id>`, one timer per demand, and orders of erasure (`PRIVACY`). Owns the database schema `router` and
deletes from `keyring`. Reads nothing of other services.
"""
