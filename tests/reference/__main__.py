"""`python -m tests.reference` writes `deployments/reference/`, and the table of costs in its guide, from the code."""

from tests.reference import scaling
from tests.reference.pages import FOLDER, pages

FOLDER.mkdir(exist_ok=True)
for name, text in pages().items():
    (FOLDER / name).write_text(text)
scaling.GUIDE.write_text(scaling.written(scaling.GUIDE.read_text()))
