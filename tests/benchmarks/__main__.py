"""`make bench`: this system and the bare floor, interleaved in one run, as ratios; see README.md beside this.

`make bench ARGS=formats` measures formats alone, `ARGS=idah` the source IDAH, `ARGS=ango` the plug-in of Ango Hub,
`ARGS=nightly` what a second export of a dataset takes, `ARGS=upd` what UPD files do, `ARGS=parts` downloads and zips,
`ARGS=s3` delivery to S3, `ARGS=scale` sizes from a thousand annotations to a million, `ARGS=dask` several processes.
"""

from __future__ import annotations

import sys

from tests.benchmarks import ango, dask, formats, idah, nightly, parts, s3, scale, upd, whole

PARTS = {
    "ango": ango.main,
    "dask": dask.main,
    "formats": formats.main,
    "idah": idah.main,
    "nightly": nightly.main,
    "parts": parts.main,
    "s3": s3.main,
    "scale": scale.main,
    "upd": upd.main,
}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        PARTS[sys.argv.pop(1)]()
    else:
        whole.main()
