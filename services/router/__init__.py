"""流转派单: classifies demands, assigns them, and takes everything a node does with an assignment; keeps the worklists.

Consumes `DEMANDS_<cell>` (every commit) and `REGISTRY`; publishes RouteDemand, AcceptAssignment, ReturnAssignment, ReportProgress and
ResolveDemand commits on `demand.<cell>.<network>.<part>.<id>`. Owns the database schema `router`. Reads nothing of other services.
"""
