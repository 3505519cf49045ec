"""The whole path without any rule: the speed limit this architecture has on this machine (reference of `whole_path`).

REST → group commit → JetStream; a router that appends a made-up assignment per demand in atomic batches; a tracker that copies every
commit to an archive table and upserts a view. No keys, no validation of codes, no encryption, no explanation, no chain.
"""
