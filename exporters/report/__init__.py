"""What a person sees of an export: its figures, samples with the shapes drawn, and one page that holds both.

    written.py   entries as the export has them
    figures.py   counted while entries pass, a few numbers a shard
    choice.py    which entries are shown                        samples.py  what there is to be seen of them
    legend.py    the classes of the page, each with its colour
    pictures.py  pictures opened with care
    drawing.py   shapes on a picture                            tiles.py    one entry as a tile
    sheet.py     many tiles on one sheet                        charts.py   drawings in SVG
    texts.py     texts with their spans marked                  words.py    words of users, escaped
    page.py      report.html, of these sections:
    facts.py     what it says of the export                     shown.py    its samples and classes
    books.py     its numbers

No clock, no random number: the same entries and files give the same bytes, however they were cut into shards.
"""
