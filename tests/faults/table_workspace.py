"""The fault matrix: the workspace, and the disk it lies on."""

from __future__ import annotations

from tests.faults.disks import How, damaged, full, read_only, vanishing
from tests.faults.moments import Step
from tests.faults.promises import Promise, delivers, fails, needs_a_new_workspace
from tests.faults.rows import Row, Section

SPACE = "Free some space; run again."
FULL = fails("There is no space left for", SPACE)
WRITES: tuple[Step, ...] = ("plan", "fetch", "media", "transform", "package")
LOST = fails("is gone; run again", "Run again.")
MADE_AGAIN = delivers("Nothing: what is missing or cannot be read is made again.")
DAMAGED = needs_a_new_workspace("is damaged; remove the workspace")
NOT_WHAT_IT_WAS = needs_a_new_workspace("is not what was put there; remove the workspace")

DISK = (
    Row("its disk is full", full("workspace"), {**dict.fromkeys(WRITES, FULL), "deliver": delivers()}),
    Row("its disk is full when a file is all but there", full("workspace", "midway"), dict.fromkeys(WRITES[:-1], FULL)),
    Row(
        "its disk can only be read",
        read_only("workspace"),
        {
            **dict.fromkeys(WRITES, fails("Read-only file system", "Give the right to write; run again.")),
            "deliver": delivers(),
        },
        leaves=r"/running/",
    ),
    Row(
        "the disk for temporary files is full",
        full("temporary files"),
        {**dict.fromkeys(WRITES, FULL), "deliver": FULL},
    ),
    Row(
        "all of it vanishes",
        vanishing("workspace"),
        {"plan": delivers(), **dict.fromkeys(("fetch", "media", "transform", "package", "deliver"), LOST)},
    ),
)


def damage(folder: str, what: dict[How, dict[Step, Promise]]) -> tuple[Row, ...]:
    """Damage to all files of a folder. At `plan` a second run finds it; else the run that wrote them does."""
    return tuple(Row(f"files in `{folder}` are {how}", damaged(folder, how), at) for how, at in what.items())


READS_SNAPSHOTS: tuple[Step, ...] = ("plan", "fetch", "media", "transform", "package", "deliver")
BY_DIGEST: dict[How, Promise] = {"changed": DAMAGED, "cut short": DAMAGED}
DAMAGE = (
    *damage("snapshot", {how: dict.fromkeys(READS_SNAPSHOTS, promise) for how, promise in BY_DIGEST.items()}),
    *damage("snapshot", {"gone": {**dict.fromkeys(READS_SNAPSHOTS, LOST), "plan": MADE_AGAIN}}),
    *damage(
        "media",
        {
            "changed": dict.fromkeys(("plan", "deliver"), NOT_WHAT_IT_WAS),
            "cut short": {"plan": MADE_AGAIN, "deliver": NOT_WHAT_IT_WAS},
            "gone": {"plan": MADE_AGAIN, "deliver": LOST},
        },
    ),
    *damage(
        "parts",
        {
            "changed": dict.fromkeys(("plan", "package", "deliver"), NOT_WHAT_IT_WAS),
            "cut short": dict.fromkeys(("plan", "package", "deliver"), NOT_WHAT_IT_WAS),
            "gone": {"plan": MADE_AGAIN, "package": LOST, "deliver": LOST},
        },
    ),
    *damage("indexes", {"changed": {"plan": DAMAGED}, "cut short": {"plan": DAMAGED}, "gone": {"plan": MADE_AGAIN}}),
    *(
        row
        for folder in ("media-keys", "read", "outcomes", "entries", "results", "exports")
        for row in damage(folder, {how: {"plan": MADE_AGAIN} for how in ("changed", "cut short", "gone")})
    ),
    *damage(
        "workspace.json",
        {"changed": {"plan": MADE_AGAIN}, "cut short": {"plan": DAMAGED}, "gone": {"plan": MADE_AGAIN}},
    ),
)

SECTIONS = (Section("The workspace", (*DISK, *DAMAGE), {"receipt": "it is made of nothing that lies there"}),)
