"""The course as a folder of web pages: to read, with live widgets, without an installation.

    python -m tools.site                 in the folder site
    python -m tools.site --stored        from stored outputs: widgets are pictures
    python -m tools.site -o folder

All links are relative and nothing is fetched, so that the folder works from any web server,
in any path, and from the disk. Each notebook is executed once, for its page and its deck.
Cells become HTML as on slides; docs/site.md explains what is where.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from io import BytesIO
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from string import Template
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from math_core import LatexToMathML
from nbformat import NotebookNode

from course_utils.widgets.core import as_script, with_imports
from tools import address, execute, files, formulas, handout, playground, render, slides
from tools.files import ROOT, ToolError, errors_at
from tools.talk import slide_name
from tools.without_kernel import ICON, states_json

HERE = Path(__file__).parent
FRAME, LANDING = (
    Template((HERE / name).read_text("utf-8"))
    for name in ("site.html", "site_landing.html")
)
# As for a deck, and the site's own files.
POLICY = slides.POLICY.replace("default-src", "default-src 'self' file:")
TITLE = "Autoencoders, from the plain one to the VAE"
# Cells that have a meaning in a kernel only.
KERNEL_ONLY = {"guess", "check", "progress"}
ANSWER = re.compile(r"^answer\(", re.MULTILINE)
TITLES = re.compile(r'<h([1-3]) id="([^"]*)">(.*?)</h\1>', re.DOTALL)
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
# What the contents name of the docs, in this order; the rest follows under "More".
INSTRUCTORS = ("teaching", "slides", "handout", "hub", "accessibility")


@dataclass
class Page:
    """A page: where it is in the site, its title as HTML, its text, what it needs."""

    place: str  # such as "notebooks/02_pca.html"
    title: str
    body: str
    kind: str = "text"
    widgets: str = "{}"  # their states as JSON
    description: str = ""

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Anchor and HTML of each second heading."""
        return [
            (name, html) for level, name, html in TITLES.findall(self.body) if level == "2"
        ]

    def to(self, place: str) -> str:
        """The relative address of another place of the site."""
        path, mark, name = place.partition("#")
        if path == self.place and mark:
            return mark + name
        start = PurePosixPath(self.place).parent
        return os.path.relpath(path, start).replace(os.sep, "/") + mark + name


@dataclass
class Lesson:
    """A notebook of the course with its outputs."""

    path: Path
    notebook: NotebookNode
    title: str = ""
    question: str = ""
    page: Page = field(init=False)

    @property
    def place(self) -> str:
        return f"notebooks/{self.path.stem}.html"


# --- a notebook as a page --------------------------------------------------------------


def chapter(lesson: Lesson) -> Page:
    """A notebook as a page to read.  ToolError names the cell that cannot be shown."""
    path, known = lesson.path, formulas.macros()
    widgets = slides.live_widgets(lesson.notebook)
    heading, parts = "", []
    for cell in lesson.notebook.cells:
        with errors_at(f"{path}, cell {cell.id!r}"):
            html = _cell(cell, heading, widgets, path.parent, known)
            if titles := TITLES.findall(html):
                heading = titles[0][2]
            parts.append(html)
    body = "\n".join(filter(None, parts))
    title = next((html for level, _, html in TITLES.findall(body) if level == "1"), "")
    states = slides.widgets_json(widgets, body, path)
    return Page(lesson.place, title or escape(path.stem), body, "chapter", states)


def _cell(
    cell: NotebookNode, heading: str, widgets: dict, folder: Path, known: LatexToMathML
) -> str:
    """One cell as HTML; "" if it has nothing for a reader."""
    tags = set(cell.metadata.get("tags") or [])
    kind = (cell.metadata.get("slideshow") or {}).get("slide_type")
    if cell.cell_type == "raw" or kind == "notes" or tags & KERNEL_ONLY:
        return ""
    name = escape(cell.id)
    if cell.cell_type == "markdown":
        html = render.markdown(cell.source, cell, folder, known)
        if found := slides.HEADING.match(html):
            level = found[1]
            html = f'<h{level} id="{name}">{found[2]}</h{level}>{html[found.end() :]}'
            name = f"cell-{name}"
    else:
        html = _code(cell, kind == "skip", heading, widgets, folder, known)
    if not html.strip():
        return ""
    kinds = " ".join(["cell", *sorted(tags & {"exercise", "solution"})])
    return f'<div class="{kinds}" id="{name}">\n{html.strip()}\n</div>'


def _code(
    cell: NotebookNode,
    skipped: bool,
    heading: str,
    widgets: dict,
    folder: Path,
    known: LatexToMathML,
) -> str:
    """A code cell: as on a slide, with its collapsed code below; of a cell that the slides
    leave out all is collapsed, but for the stub of an exercise."""
    code = f'<pre class="code">{render.highlight(cell.source)}</pre>'
    if "exercise" in (cell.metadata.get("tags") or []):
        return code
    slide = slides.Slide(cell.id, heading=heading)
    shown = list(slides.code_parts(cell, slide, widgets, folder, known))
    if ANSWER.search(cell.source):
        shown = [html for html in shown if 'class="code"' not in html]
        return _fold("measured", "What was measured", [*shown, code])
    if skipped:
        hidden = [html for html in shown if 'class="code"' not in html]
        is_setup = (cell.metadata.get("jupyter") or {}).get("source_hidden")
        return _fold("fold", "set-up" if is_setup else "code", [code, *hidden])
    return "\n".join([*shown, *([_fold("fold", "code", [code])] if slide.folded else [])])


def _fold(kind: str, label: str, parts: list[str]) -> str:
    inside = "\n".join(parts)
    return f'<details class="{kind}"><summary>{label}</summary>\n{inside}\n</details>'


# --- a page of the docs ----------------------------------------------------------------


def docs() -> dict[Path, str]:
    """The pages of the docs: file -> place."""
    paths = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    paths += sorted(ROOT.glob("docs/*.md"))
    return {path: f"docs/{path.stem.lower()}.html" for path in paths}


def doc_page(source: Path, place: str) -> Page:
    """A Markdown file as a page; its headings have the anchors that GitHub gives them."""
    with errors_at(str(source)):
        text = source.read_text("utf-8")
        html = render.markdown(text, NotebookNode(), source.parent, formulas.macros())
    html = _with_anchors(html)
    title = next((words for _, _, words in TITLES.findall(html)), escape(source.stem))
    page = Page(place, title, html)
    page.body = LINK.sub(lambda link: _linked(page, source, *link.groups()), html)
    return page


def _with_anchors(html: str) -> str:
    """Headings with an anchor: their words, and a number from the second time on."""
    times: Counter[str] = Counter()

    def anchored(found: re.Match) -> str:
        level, html = found.groups()
        words = re.sub(r"[^\w -]", "", plain(html)).strip().lower().replace(" ", "-")
        name = f"{words}-{times[words]}" if times[words] else words
        times[words] += 1
        return f'<h{level} id="{name}">{html}</h{level}>'

    return re.sub(r"<h([1-6])>(.*?)</h\1>", anchored, html)


def _linked(page: Page, source: Path, address: str, words: str) -> str:
    """A link of the docs, to a page of the site or to the repository; else its words."""
    if re.match(r"[a-z]+:|#", address):
        return f'<a href="{address}">{words}</a>'
    name, mark, anchor = address.partition("#")
    target = Path(os.path.normpath(source.parent / name))
    if re.fullmatch(r"\d\d_\w+\.html", name):  # of a notebook, as render.markdown has it
        place = f"notebooks/{name}"
    elif target in docs():
        place = docs()[target]
    elif repository():
        path = target.relative_to(ROOT).as_posix()
        return f'<a href="{escape(repository())}/blob/main/{path}">{words}</a>'
    else:
        return words
    return f'<a href="{page.to(place)}{mark}{anchor}">{words}</a>'


def repository() -> str:
    """The address of the repository in pyproject.toml, the one place that has it; or ""."""
    found = address.repository((ROOT / "pyproject.toml").read_text("utf-8"))
    return "" if found == address.PLACEHOLDER else found


def plain(html: str) -> str:
    """HTML without tags, in one line."""
    html = MATH.sub(lambda formula: escape(formulas.as_text(formula[0])), html)
    html = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    html = re.sub(r"</(?:div|h\d|li|p|pre|summary|td|th)>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


# --- formulas and code -----------------------------------------------------------------

ROW = re.compile(
    r"<td><code>([\w.]+)\.(\w+)</code></td>\n"
    r"<td>(\d\d) ([\w-]+)</td>\n<td><code>(\w+)</code></td>"
)


def link_formulas(page: Page, lessons: list[Lesson]) -> set[str]:
    """Link each row of the table of formulas to code, cell and slide.  -> the modules"""
    by_number = {lesson.path.stem[:2]: lesson for lesson in lessons}
    modules = set()

    def linked(row: re.Match) -> str:
        module, function, number, cell, test = row.groups()
        modules.add(module)
        lesson = by_number[number]
        code = page.to(f"code/{module}.html#{function}")
        deck = page.to(f"slides/{lesson.path.stem}.html")
        slide = slide_of(cell, lesson.notebook)
        name = _breakable(f"{module}.{function}")
        return (
            f'<td><a href="{code}"><code>{name}</code></a></td>\n'
            f'<td><a href="{page.to(lesson.place)}#{cell}">{number} {cell}</a> · '
            f'<a href="{deck}#/{slide}">slide</a></td>\n'
            f"<td><code>{_breakable(test)}</code></td>"
        )

    page.body = ROW.sub(linked, page.body)
    return modules


def _breakable(name: str) -> str:
    """A long name that may go on in the next line."""
    return re.sub(r"(?<=[._])(?=\w)", "<wbr>", name)


def slide_of(cell: str, notebook: NotebookNode) -> str:
    """The name of the slide that shows a cell, or of the last one before it."""
    name = ""
    for one in notebook.cells:
        kind = (one.metadata.get("slideshow") or {}).get("slide_type")
        name = slide_name(one) if kind in ("slide", "subslide") else name
        if one.id == cell:
            break
    return name


def code_page(module: str) -> Page:
    """The source of a module of course_utils; each function and class has an anchor."""
    path = ROOT.joinpath("course_utils", *module.split(".")).with_suffix(".py")
    source = path.read_text("utf-8")
    lines = source.splitlines(keepends=True)
    parts, begun, name = [], 0, ""
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            parts.append((name, "".join(lines[begun:first])))
            parts.append((node.name, "".join(lines[first : node.end_lineno])))
            begun, name = node.end_lineno or first, ""
    parts.append((name, "".join(lines[begun:])))
    html = "\n".join(
        f'<pre class="code"{f" id={chr(34)}{name}{chr(34)}" if name else ""}>'
        f"{render.highlight(text.strip(chr(10)))}</pre>"
        for name, text in parts
        if text.strip()
    )
    title = f"course_utils.{module}"
    return Page(
        f"code/{module}.html", title, f'<h1 id="code">{title}</h1>\n{html}', "source"
    )


# --- downloads -------------------------------------------------------------------------


def downloads(paths: list[Path], folder: Path) -> dict[Path, bytes]:
    """The notebooks, those of a class, and these as a zip: file -> content."""
    place = folder / "downloads"
    texts = handout.texts_for(paths, place / "class")
    # Which the function leaves out where the site is written anew.
    texts[place / "class" / handout.CONFIG_NAME] = handout.CONFIG
    result = {target: text.encode() for target, text in texts.items()}
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for target, content in sorted(result.items()):
            name = target.relative_to(place).as_posix()
            archive.writestr(ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, ZIP_DEFLATED)
    result[place / "class.zip"] = packed.getvalue()
    for path in paths:
        result[place / "notebooks" / path.name] = path.read_bytes()
    return result


def downloads_page(lessons: list[Lesson]) -> Page:
    kinds = {
        "downloads/notebooks/{}.ipynb": "notebook",
        "downloads/class/student/{}.ipynb": "student version",
        "downloads/class/solution/{}.ipynb": "solutions",
        "slides/{}.html": "slides",
    }
    rows = []
    for lesson in lessons:
        links = "".join(
            f'<td><a href="{place.format(lesson.path.stem)}" download>{words}'
            f'<span class="hidden"> of {lesson.title}</span></a></td>'
            for place, words in kinds.items()
        )
        rows.append(f"<tr><td>{lesson.title}</td>{links}</tr>")
    heads = "".join(
        f"<th>{words}</th>"
        for words in ("notebook", "as here", "for students", "solved", "to present")
    )
    body = f"""<h1 id="downloads">Downloads</h1>
<p>The notebooks need the package of the course:
<a href="docs/readme.html#start">how to start</a>.</p>
<p><a class="button" href="downloads/class.zip" download>All of a class as a zip</a></p>
<p>The zip holds the notebooks for students, with stubs instead of solutions, those with
solutions, and the assignments for nbgrader:
<a href="docs/handout.html">how to use them</a>.</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{chr(10).join(rows)}
</tbody>
</table>"""
    return Page("downloads.html", "Downloads", body)


def decks_page(lessons: list[Lesson]) -> Page:
    items = "\n".join(
        f'<li><a href="{lesson.path.stem}.html">{lesson.title}</a>'
        f"<p>{lesson.question}</p></li>"
        for lesson in lessons
    )
    body = f"""<h1 id="slides">Slides</h1>
<p>Each deck is one file that needs no network. <kbd>Space</kbd> or <kbd>→</kbd> next,
<kbd>←</kbd> back, <kbd>S</kbd> speaker notes, <kbd>C</kbd> the code of a figure,
<kbd>D</kbd> dark or light, <kbd>?</kbd> all keys. For paper, open a deck with
<code>?print-pdf</code> directly after <code>.html</code> and print it.</p>
<ol class="cards">
{items}
</ol>"""
    return Page("slides/index.html", "Slides", body)


# --- the site --------------------------------------------------------------------------


def landing(lessons: list[Lesson]) -> Page:
    """The first page, on which a network learns."""
    cards = "\n".join(
        f'<li><a href="{lesson.place}">{lesson.title}</a><p>{lesson.question}</p></li>'
        for lesson in lessons
    )
    by_number = {lesson.path.stem[:2]: lesson.place for lesson in lessons}
    body = LANDING.substitute(
        notebooks=len(lessons),
        first=lessons[0].place,
        vae=by_number["06"],
        walk=by_number["07"],
        start="docs/readme.html#start",
        cards=cards,
    )
    states = states_json(playground.live("data=digits&0=vae&steps=1500"))
    return Page("index.html", TITLE, body, "landing", states)


def questions() -> dict[str, str]:
    """The question of each notebook, from the table in README.md: name -> HTML."""
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(
        r"^\| \[.*?\]\(notebooks/(\w+)\.ipynb\) \| (.*?) \|$", text, re.MULTILINE
    )
    return {name: escape(question) for name, question in rows}


def contents(page: Page, lessons: list[Lesson], pages: list[Page]) -> str:
    """The contents of the site, with the sections of this page."""

    def entry(place: str, title: str) -> str:
        if place != page.place:
            return f'<li><a href="{page.to(place)}">{title}</a></li>'
        inside = "".join(f'<li><a href="#{n}">{t}</a></li>' for n, t in page.sections)
        below = f"<ul>{inside}</ul>" if inside else ""
        return f'<li><a href="#main" aria-current="page">{title}</a>{below}</li>'

    titles = {one.place: one.title for one in pages if one.place.startswith("docs/")}
    titles |= {
        "docs/readme.html": "Installation",
        "docs/slides.html": "How slides are made",
    }
    chosen = [f"docs/{name}.html" for name in INSTRUCTORS]
    groups = {
        "Notebooks": [(lesson.place, lesson.title) for lesson in lessons],
        "Look up": [
            ("trainer.html", "Train in the browser"),
            ("docs/formulas.html", "The formulas"),
            ("slides/index.html", "Slides"),
            ("downloads.html", "Downloads"),
        ],
        "Teach": [(place, titles[place]) for place in chosen],
        "More": [
            (place, title)
            for place, title in titles.items()
            if place not in (*chosen, "docs/formulas.html")
        ],
    }
    return "\n".join(
        f"<h2>{words}</h2>\n<ul>{''.join(entry(*item) for item in items)}</ul>"
        for words, items in groups.items()
    )


def with_tools(lesson: Lesson) -> str:
    """The text of a chapter with links to its deck and files below its title."""
    page, name = lesson.page, lesson.path.name
    links = [
        (f"slides/{lesson.path.stem}.html", "Slides", ""),
        (f"downloads/notebooks/{name}", "Notebook", " download"),
        (f"downloads/class/student/{name}", "Student version", " download"),
    ]
    items = " ".join(
        f'<a href="{page.to(to)}"{how}>{words}</a>' for to, words, how in links
    )
    button = '<button type="button" class="all-code">Show all code</button>'
    return page.body.replace("</h1>", f'</h1>\n<p class="tools">{items} {button}</p>', 1)


def turn(page: Page, before: Lesson | None, after: Lesson | None) -> str:
    """Links to the notebooks before and after."""
    links = ""
    for lesson, kind, words in ((before, "before", "Previous"), (after, "after", "Next")):
        if lesson:
            to, title = page.to(lesson.place), lesson.title
            links += f'<a class="{kind}" href="{to}"><span>{words}</span> {title}</a>'
    return f'<nav class="turn" aria-label="Notebooks">{links}</nav>'


def html_of(page: Page, lessons: list[Lesson], pages: list[Page]) -> str:
    """The complete HTML of a page."""
    root = "../" * (len(PurePosixPath(page.place).parts) - 1)
    has_math = "<math" in page.body
    title = plain(page.title)
    return FRAME.substitute(
        policy=POLICY,
        icon=ICON,
        title=escape(title if page.kind == "landing" else f"{title} · Autoencoders"),
        description=escape(page.description or TITLE),
        math=f'<link rel="stylesheet" href="{root}assets/math.css">' if has_math else "",
        root=root,
        kind=page.kind,
        contents=contents(page, lessons, pages),
        body=page.body,
        footer=_footer(page),
        widgets=page.widgets,
    )


def _footer(page: Page) -> str:
    source = f' · <a href="{escape(repository())}">Source</a>' if repository() else ""
    return (
        f"{TITLE}: a course under the "
        f'<a href="{page.to("LICENSE.txt")}">MIT license</a>. MNIST is by Y. LeCun, '
        "C. Cortes and C. Burges, under "
        '<a href="https://creativecommons.org/licenses/by-sa/3.0/">CC BY-SA 3.0</a>. '
        "This site loads and sends nothing."
        f' <a href="{page.to("docs/accessibility.html")}">Accessibility</a> · '
        f'<a href="{page.to("docs/changelog.html")}">Changes</a>{source}'
    )


def search_index(pages: list[Page]) -> str:
    """JavaScript with a list of [address, title of the page, of the section, text]."""
    rows = []
    for page in pages:
        for part in re.split(r'(?=<h[123] id=")', page.body):
            found = TITLES.match(part)
            anchor = f"#{found[2]}" if found else ""
            section = plain(found[3]) if found else ""
            text = plain(part[found.end() :] if found else part)
            if found or text:
                rows.append([page.place + anchor, plain(page.title), section, text])
    return f"window.courseIndex = {json.dumps(rows, ensure_ascii=False)};\n"


def assets() -> dict[str, str]:
    """What the pages share: style sheets and the script."""
    font = (slides.VENDOR / "stix-two-math/STIXTwoMath-Regular.woff2").read_bytes()
    # As data: Firefox loads no font from another folder of the disk.
    source = f"data:font/woff2;base64,{b64encode(font).decode()}"
    license_text = (slides.VENDOR / "stix-two-math/OFL.txt").read_text("utf-8")
    script = as_script(with_imports(HERE / "site.js"))
    return {
        "site.css": slides.THEME + (HERE / "site.css").read_text("utf-8"),
        "math.css": f'/* {license_text} */\n@font-face {{ font-family: "deck math"; '
        f'src: url("{source}"); }}\n',
        "site.js": f"(() => {{\n{script}\n}})();\n",
    }


def site(lessons: list[Lesson]) -> Iterator[tuple[str, str]]:
    """The texts of the site but the downloads: place -> text."""
    known = questions()
    for lesson in lessons:
        lesson.page = chapter(lesson)
        lesson.title = lesson.page.title
        lesson.question = lesson.page.description = known.get(lesson.path.stem, "")
    pages = [landing(lessons), *(lesson.page for lesson in lessons)]
    pages += [doc_page(source, place) for source, place in docs().items()]
    formula_page = next(page for page in pages if page.place == "docs/formulas.html")
    modules = link_formulas(formula_page, lessons)
    pages += [decks_page(lessons), downloads_page(lessons)]
    pages += map(code_page, sorted(modules))
    for name, text in assets().items():
        yield f"assets/{name}", text
    yield "assets/search.js", search_index(pages)
    neighbors = zip_longest([None, *lessons], lessons[1:])
    for lesson, (before, after) in zip(lessons, neighbors):
        body = with_tools(lesson)
        lesson.page.body = f"{body}\n{turn(lesson.page, before, after)}"
    for page in pages:
        yield page.place, html_of(page, lessons, pages)
    yield "trainer.html", playground.page("index.html")
    yield "LICENSE.txt", (ROOT / "LICENSE").read_text("utf-8")
    yield ".nojekyll", ""  # GitHub Pages: files as they are


def decks(lessons: list[Lesson]) -> Iterator[tuple[str, str]]:
    """The decks: place -> text."""
    for lesson in lessons:
        home = f"../{lesson.place}"
        html = slides.deck(lesson.notebook, lesson.path, home)
        yield f"slides/{lesson.path.stem}.html", html


def read(path: Path, stored: bool) -> Lesson:
    """A notebook with its outputs; pictures have 256 colors, as those that are stored."""
    notebook = slides.with_outputs(path, stored)
    for cell in [] if stored else notebook.cells:
        for output in cell.get("outputs", []):
            execute.shrink_picture(output)
    return Lesson(path, notebook)


def write(lessons: list[Lesson], folder: Path) -> None:
    """Write the site anew; where it cannot be made, the folder is not changed.

    ToolError if the folder holds something else than a site, or the history of one.
    """
    is_site = (folder / ".nojekyll").exists() and not (folder / ".git").exists()
    if folder.exists() and not is_site and any(folder.iterdir()):
        raise ToolError(f"{folder} holds other files; name another folder by -o")
    texts = dict([*site(lessons), *decks(lessons)])
    contents = {folder / place: text.encode() for place, text in texts.items()}
    contents |= downloads([lesson.path for lesson in lessons], folder)
    with errors_at(str(folder)):
        if folder.exists():
            shutil.rmtree(folder)
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="site", description="The course as web pages.")
    parser.add_argument("-o", dest="folder", type=Path, default=ROOT / "site")
    parser.add_argument("--stored", action="store_true", help="use stored outputs")
    options = parser.parse_args(arguments)
    with files.exit_with_message():
        lessons = []
        for path in files.course_notebooks():
            print(f"{path.name} …", flush=True)
            lessons.append(read(path, options.stored))
        write(lessons, options.folder)
    sizes = [path.stat().st_size for path in options.folder.rglob("*") if path.is_file()]
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.0f} MB")
    print(f"Open it in a browser: {(options.folder / 'index.html').resolve()}")


if __name__ == "__main__":
    main(sys.argv[1:])
