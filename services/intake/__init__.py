"""Intake (受理入口): takes demands and their submitters' later commands over REST and appends them.

Publishes to `demand.<cell>.<network>.<part>.<id>`; consumes `registry.>` (codes, credentials, cells).
Has no tables of its own, only insert and select on `keyring.data_key`.
"""
