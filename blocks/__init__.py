"""Who we talk to: sources, targets and the workspace, each a Prefect block, and stand-ins of the platforms.

Vendors' words, credentials and sockets live here and go no further.
"""
