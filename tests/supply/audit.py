"""`make audit`: whether vulnerabilities are known of what `constraints.txt` pins; says in one line if nobody could say.

Carried out where pip-audit is installed, which is no part of what is tested. Where its service is not reached, as
where there is nothing but a package index, that is said and no fault; one package is asked for first, so that this
costs a moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ASKED_FIRST = "pip"
"""Everybody has it, and any service knows it."""
SECONDS = 300


Answer = dict[str, Any] | str
"""What pip-audit printed as JSON; a text where it printed something else."""


def main() -> int:
    """Ask about one package, then about all; returns the exit status."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    answered = asked(line for line in lines if line.startswith(f"{ASKED_FIRST}=="))
    if is_answer(answered):
        answered = asked(lines)
    status, said = judged(answered)
    print(said)
    return status


def is_answer(answered: Answer) -> bool:
    """Whether anything is known of any package: a mere package index answers that none is."""
    return not isinstance(answered, str) and any("vulns" in one for one in answered["dependencies"])


def judged(answered: Answer) -> tuple[int, str]:
    """Exit status and what to print: 1 where a vulnerability is known, 0 also where nobody knew."""
    if isinstance(answered, str) or not is_answer(answered):
        why = answered if isinstance(answered, str) else "there is a package index, and nothing that knows more"
        return 0, f"make audit: nobody could be asked about vulnerabilities ({why})."
    known = [(one, told) for one in answered["dependencies"] for told in one.get("vulns", ())]
    lines = [
        f"{one['name']} {one['version']}: {told['id']}, mended in {' or '.join(told['fix_versions']) or 'none yet'}"
        for one, told in known
    ]
    unknown = sum("skip_reason" in one for one in answered["dependencies"])
    asked_about = f"{len(answered['dependencies']) - unknown} packages"
    lines.append(f"make audit: {asked_about} are known, {unknown} are not; {len(known)} vulnerabilities are.")
    return int(bool(known)), "\n".join(lines)


def asked(lines: Iterable[str]) -> Answer:
    """What pip-audit says of some requirements."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("".join(f"{line}\n" for line in lines))
        command = [*(sys.executable, "-m", "pip_audit", "--requirement", str(wanted), "--no-deps", "--disable-pip")]
        command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"no answer within {SECONDS} seconds"
    try:
        answered: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1][:120]
    return answered


if __name__ == "__main__":
    sys.exit(main())
