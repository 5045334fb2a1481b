"""The sandbox's published accounts: API keys and people, what they may do, and how much of the platform they see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DEMO_API_KEY = "IDAH_" + "c0ffee" * 10 + "cafe"
"""Reads organisation 4, which has all there is (``project_ro_org``); may not use ``sync`` or ``entry_stats``."""
RW_API_KEY = "IDAH_" + "decade" * 10 + "cafe"
"""Reads and writes organisation 4 (``project_rw_org``): the exports of ``sync`` too."""
ALL_API_KEY = "IDAH_" + "facade" * 10 + "cafe"
"""Reads every organisation (``project_ro_all``)."""
FOREIGN_API_KEY = "IDAH_" + "beefed" * 10 + "cafe"
"""Reads organisation 5, which has nothing here: lists are empty, records are 404, but medias are listed even so."""
BLIND_API_KEY = "IDAH_" + "accede" * 10 + "cafe"
"""``project_ro_org`` with the scope type ``all``, an easy mistake: sees nothing, and is not told so."""

DEMO_EMAIL, DEMO_PASSWORD = "demo@example.org", "outhaul-demo"
"""A person who sees everything. All people have the same password."""
ANNOTATOR_EMAIL = "annotator@example.org"
"""Sees the entries that are assigned to them, and no sign that there are others."""
REVIEWER_EMAIL = "reviewer@example.org"
"""Sees the same, and what waits for a review by somebody who did not annotate it."""

Part = Literal["owner", "annotator", "reviewer"]
_READ = tuple(f"{name}.read.as_org_owner" for name in ("dataset:projects", "dataset:datasets", "media:medias"))
_WRITE = tuple(f"{name}.*.as_org_owner" for name in ("dataset:projects", "dataset:datasets", "media:medias"))


@dataclass(frozen=True, slots=True)
class Account:
    """``scope`` is that of a key, None for people, whose ``part`` in the project decides instead."""

    id: int
    email: str
    name: str
    role: str
    scope: Mapping[str, Any] | None = None
    part: Part = "owner"

    @property
    def rights(self) -> list[str]:
        if self.scope is None:
            return ["dataset:datasets.*.as_user"]
        rights = _READ if self.is_read_only else (*_WRITE, "sync:exports.*.as_org_owner", "sync:jobs.read.as_org_owner")
        return [right.replace("as_org_owner", "*") if self.role.endswith("_all") else right for right in rights]

    @property
    def is_read_only(self) -> bool:
        """A key without the right to write, which therefore has none on ``sync`` and ``entry_stats`` either."""
        return "project_ro" in self.role

    def covers(self, *, project_id: str, organization_id: int) -> bool:
        """Whether the project is in scope; what is not, is not refused but not there."""
        if self.scope is None or self.role.endswith("_all"):
            return True
        return str(organization_id) in self.scope.get("org", ()) or project_id in self.scope.get("project", ())


def _key_account(role: str, scope: Mapping[str, Any]) -> Account:
    return Account(7, "api_service@example.org", "API Service Account", f"api:{role}", scope)


KEYS: Mapping[str, Account] = {
    DEMO_API_KEY: _key_account("project_ro_org", {"org": ["4"]}),
    RW_API_KEY: _key_account("project_rw_org", {"org": ["4"]}),
    ALL_API_KEY: _key_account("project_ro_all", {"all": []}),
    FOREIGN_API_KEY: _key_account("project_ro_org", {"org": ["5"]}),
    BLIND_API_KEY: _key_account("project_ro_org", {"all": []}),
}
PEOPLE: Mapping[str, Account] = {
    person.email: person
    for person in (
        Account(12, DEMO_EMAIL, "Demo User", "user"),
        Account(12, ANNOTATOR_EMAIL, "Ann Otator", "user", part="annotator"),
        Account(13, REVIEWER_EMAIL, "Re Viewer", "user", part="reviewer"),
    )
}
