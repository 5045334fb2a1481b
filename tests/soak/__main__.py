"""Hours of mixed exports under one served process, and whether anything grows; see README.md beside this.

python -m tests.soak --minutes 120 --out FOLDER     # soaks, then says what was seen
python -m tests.soak --read FOLDER                  # says what was seen so far, also while it runs
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="FOLDER", help="where the figures go")
    what.add_argument("--read", type=Path, metavar="FOLDER", help="figures that are there")
    parser.add_argument("--minutes", type=float, default=120, help="of runs; a last round follows (default: 120)")
    parser.add_argument("--seed", type=int, default=12, help="of all that happens by chance (default: 12)")
    parser.add_argument("--share", type=float, default=0.33, help="of one core, on average (default: 0.33)")
    parser.add_argument("--every", type=float, default=20, help="seconds between two samples (default: 20)")
    arguments = parser.parse_args()
    if arguments.out:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is to end with it
        with tempfile.TemporaryDirectory(prefix="outhaul-soak-home-") as home:
            # Read when Prefect is imported: what people have set is not the soak's.
            os.environ.update({"PREFECT_HOME": home, "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"})
            from tests.soak.soaking import Soak  # noqa: PLC0415

            Soak(arguments.minutes, arguments.seed, arguments.share, arguments.every, arguments.out).carry_out()
    sys.exit(_tell(arguments.out or arguments.read))


def _tell(folder: Path) -> int:
    """Write down what was seen, and print it; 1 where something is not as it should be."""
    from tests.soak import shown, verdict  # noqa: PLC0415

    samples, runs = (verdict.read_lines(folder / name) for name in ("samples.jsonl", "runs.jsonl"))
    judged = verdict.judge(samples, runs, json.loads((folder / "facts.json").read_text()))
    (folder / "soak.json").write_text(shown.to_json(judged))
    (folder / "soak.svg").write_text(shown.plot(samples))
    (folder / "soak.md").write_text(shown.table(judged))
    print(shown.table(judged), flush=True)
    return 1 if judged.problems else 0


if __name__ == "__main__":
    main()
