"""What documents point to is there: links, headings, files and modules; and tables that speak of the code are whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blocks.lease import FOLDER as LEASES
from blocks.store import INCOMING
from flows.collect import FOLDERS
from flows.targets import PUSHES

ROOT = Path(__file__).parent.parent
ROOMS = ("exporters", "blocks", "flows", "deployments", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.md"))])
GUIDES = ("exporters", "exporters/contextual", "blocks", "flows")

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
NAMED = re.compile(rf"({'|'.join(ROOMS)})(/[\w./-]*|\.[a-z]\w*(\.\w+)*)")
TO_FILL_IN = re.compile(r"\bNAME\b|_NAME\b")


def names(documents: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in documents]


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """What headings can be linked to as, in GitHub's way."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", names(DOCUMENTS))
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link leads to a file, and, where it says so, to a heading in it."""
    path = ROOT / name
    wrong = []
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        if "://" in link or target.startswith("mailto:"):
            continue
        found = (path.parent / target).resolve() if target else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            wrong.append(link)
    assert not wrong


@pytest.mark.parametrize("name", names(DOCUMENTS))
def test_files_that_are_named_are_there(name: str) -> None:
    """A file of a room, or a module, that stands in a document as code exists."""
    said = [one for one in CODE.findall(prose(ROOT / name)) if NAMED.fullmatch(one) and not TO_FILL_IN.search(one)]
    assert [one for one in said if not is_there(one)] == []


def is_there(name: str) -> bool:
    if "/" in name:
        return (ROOT / name).exists()
    package, module, *_ = name.split(".")
    return any((ROOT / package / f"{module}{ending}").exists() for ending in ("", ".py"))


def test_a_name_that_leads_nowhere_is_found() -> None:
    """The two tests above can fail."""
    assert LINK.findall("see [it](no/such.md#x)") == ["no/such.md#x"]
    assert NAMED.fullmatch("flows/no_such.py")
    assert not is_there("flows/no_such.py")
    assert not is_there("exporters.no_such")
    assert is_there("exporters.testing")
    assert "the-house" in anchors(ROOT / "README.md")


@pytest.mark.parametrize("room", GUIDES)
def test_guides_are_short_and_the_readme_leads_to_them(room: str) -> None:
    """Somebody who takes over the code finds a guide in each room, and reads it in one go."""
    assert len((ROOT / room / "README.md").read_text().splitlines()) <= 150
    assert f"({room}/README.md)" in (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()


def rows(path: Path, heading: str) -> list[str]:
    """What stands in the first column of the first table below a heading."""
    section = path.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")][2:]


def test_the_guide_knows_every_folder_of_a_workspace() -> None:
    """What a workspace holds is explained, and nothing else."""
    told = [name for row in rows(ROOT / "flows/README.md", "What lies in a workspace") for name in CODE.findall(row)]
    assert sorted(told) == sorted([*FOLDERS, PUSHES, INCOMING, LEASES])


def test_the_guide_knows_every_task_of_the_flow() -> None:
    """Each task of an export stands in the table of what runs, and no other."""
    sources = "\n".join(path.read_text() for path in (ROOT / "flows").glob("*.py") if path.name != "notify.py")
    tasks = re.findall(r'@task\(\s*name="([^"]+)"', sources)
    told = [name for row in rows(ROOT / "flows/README.md", "What runs, in what order") for name in CODE.findall(row)]
    assert sorted(told) == sorted(tasks)
