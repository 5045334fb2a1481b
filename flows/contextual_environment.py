"""Which variables of the environment the process of a plug-in is not given: the secrets that the run works with.

A plug-in takes its own secrets from the environment, so all others are handed on. This keeps secrets from where they
could be printed, logged or sent by mistake; it is no wall against code that looks for them, which has the rights of
whoever runs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from exporters.plugins.folders import ENVIRONMENT as PLUGINS
from exporters.upd.options import PASSPHRASE

NAMED = "OUTHAUL_PLUGIN_ENVIRONMENT"
"""Names of variables, with commas between, that plug-ins are given all the same."""
_OURS = ("OUTHAUL_", "PREFECT_")
_OF_STORES = ("OUTHAUL_S3_", "AWS_", "AZURE_", "GOOGLE_", "HF_")


def withheld(environment: Mapping[str, str] = os.environ, *, reads_store: bool, signs: bool) -> frozenset[str]:
    """Names of variables.

    Args:
        environment: of the run.
        reads_store: whether the process opens a workspace that is no folder of this machine, for which it may need
            what the environment says of stores.
        signs: whether it signs with a key in a file, which may have a passphrase.
    """
    given = {PLUGINS, *map(str.strip, environment.get(NAMED, "").split(","))}
    given |= {PASSPHRASE} if signs else set()
    return frozenset(
        name
        for name in environment
        if name not in given and (not reads_store if name.startswith(_OF_STORES) else name.startswith(_OURS))
    )
