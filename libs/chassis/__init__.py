"""What every process needs and no domain knows: app factory, settings, problems, keys and rights, telemetry, database, keyring.

Owns the process around a service. Never knows a demand's rules, an event's meaning or another service.
"""
