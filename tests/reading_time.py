"""How long a notebook takes to read, and how long a reader has nothing to do.

    python tests/reading_time.py notebooks/01_autoencoder.ipynb
    python tests/reading_time.py --write      the numbers in docs/teaching.md

Counted is what is on slides: 130 words a minute, 30 seconds for a displayed formula,
5 for a line of code, 40 for a figure, 2 minutes for a widget. Claims count as their
sentence. In class, each guess takes 2 minutes more and each exercise 10.

Not counted is what is on no slide: imports, the texts and solutions of exercises, and code
whose result the next slide shows, since it can be passed over. Who reads that code, too,
needs the minutes that are printed last.

A lecture of a plan, in docs/plans, counts its slides with their guesses, without exercises.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEACHING = ROOT / "docs" / "teaching.md"
WORD, FORMULA, LINE, FIGURE, WIDGET = 60 / 130, 30, 5, 40, 120  # seconds


def slide(cell):
    return cell["metadata"].get("slideshow", {}).get("slide_type")


def tagged(cell, *tags):
    return bool({*tags} & {*cell["metadata"].get("tags", [])})


def words(text):
    text = re.sub(r"\]\([^)]*\)|[*_#>|`]|:?-{3,}:?", " ", text)  # of links, the text
    return len(re.sub(r"\$[^$]*\$", "x", text).split())  # a formula in a line is one word


def on_slide(cell):
    return slide(cell) not in (None, "skip", "notes")


def seconds(cell):
    """What it takes to read one cell."""
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        parts = source.split("$$")
        return WORD * words("".join(parts[::2])) + FORMULA * (len(parts) // 2)
    outputs = [output.get("data", {}) for output in cell["outputs"]]
    if tagged(cell, "nbval-check-output"):
        return WORD * sum(words("".join(o.get("text", ""))) for o in cell["outputs"])
    if tagged(cell, "widget"):
        return WIDGET
    figures = sum("image/png" in data or "image/svg+xml" in data for data in outputs)
    shown = "".join("".join(data.get("text/markdown", "")) for data in outputs)
    if source.startswith("show_source("):
        return LINE * len(shown.splitlines()[1:-1])
    return LINE * len(source.splitlines()) + FIGURE * figures + WORD * words(shown)


def minutes(cells):
    return sum(map(seconds, filter(on_slide, cells))) / 60


def minutes_of_other_code(cells):
    """Code on no slide that is neither set-up nor for an exercise or a guess."""
    code = [cell for cell in cells if cell["cell_type"] == "code" and not on_slide(cell)]
    ends = ("setup", "progress")
    other = [c for c in code if not (c["metadata"].get("tags") or c["id"].startswith(ends))]
    return sum(map(seconds, other)) / 60


def slides(cells):
    return sum(slide(cell) in ("slide", "subslide") for cell in cells)


def longest_wait(cells):
    """Minutes of reading between two things to do, and the cell after which they end."""
    waits, now = [], 0.0
    for cell in cells:
        now += minutes([cell])
        if tagged(cell, "guess", "exercise", "widget"):
            waits.append((now, cell["id"]))
            now = 0.0
    return max([*waits, (now, cells[-1]["id"])])


def in_class(cells):
    """With the guesses and the exercises."""
    guesses = sum(tagged(cell, "guess") for cell in cells)
    exercises = sum(tagged(cell, "check") for cell in cells)
    return minutes(cells) + 2 * guesses + 10 * exercises


def cells_of(path):
    return json.loads(path.read_text("utf-8"))["cells"]


def by_slide(path):
    """The cells of each slide of a notebook: id of its first cell -> cells."""
    groups = {}
    for cell in cells_of(path):
        if slide(cell) in ("slide", "subslide"):
            groups[cell["id"]] = []
        if groups:
            list(groups.values())[-1].append(cell)
    return groups


def lectures():
    """Slides and minutes of each lecture of the plans: title -> (slides, minutes)."""
    notebooks = {path.stem[:2]: by_slide(path) for path in ROOT.glob("notebooks/*.ipynb")}
    found = {}
    for plan in sorted(ROOT.glob("docs/plans/*.txt")):
        for line in filter(None, plan.read_text("utf-8").splitlines()):
            if line.startswith("# "):
                title = line[2:]
                found[title] = (0, 0.0)
                continue
            number, *names = line.split()
            shown = [notebooks[number][name] for name in names or notebooks[number]]
            guesses = sum(tagged(cell, "guess") for cells in shown for cell in cells)
            before, spent = found[title]
            spent += sum(map(minutes, shown)) + 2 * guesses
            found[title] = (before + len(shown), spent)
    return found


# A row of docs/teaching.md that begins with a notebook or a lecture, and two numbers.
ROW = re.compile(r"^\| (.+?) \| (\d+) \| (\d+) \|", re.MULTILINE)


@cache
def measured():
    """The two numbers of each such row, by its first cell: a link or a title."""
    links = {
        row[1]: TEACHING.parent / re.search(r"\((.+)\)", row[1])[1]
        for row in ROW.finditer(TEACHING.read_text("utf-8"))
        if row[1].startswith("[")
    }
    times = {link: cells_of(path) for link, path in links.items()}
    return lectures() | {row: (minutes(c), in_class(c)) for row, c in times.items()}


def with_numbers(page, numbers):
    """The page with these numbers; minutes are rounded to five."""

    def row(match):
        first, second = numbers[match[1]]
        if match[1].startswith("["):
            first = 5 * round(first / 5)
        return f"| {match[1]} | {first} | {5 * round(second / 5)} |"

    return ROW.sub(row, page)


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    TEACHING.write_text(with_numbers(TEACHING.read_text("utf-8"), measured()), "utf-8")
elif __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        wait, end = longest_wait(cells)
        print(
            f"{path.stem}: {slides(cells)} slides, {minutes(cells):.0f} minutes to read, "
            f"{in_class(cells):.0f} in class, {wait:.1f} with nothing to do before {end}; "
            f"{minutes_of_other_code(cells):.0f} for code on no slide"
        )
