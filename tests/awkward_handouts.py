"""Awkward notebooks for tools.handout, as instructors and other front ends write them.

To add one, write a line: its name, what is changed in the notebook below, and either words
of the refusal, or what the versions contain; "hidden" is in no student file.
"""

SOLVED = (
    "<details>\n<summary>Solution</summary>\n\n```python\nmy_kl = 0.6931\n```\n{}</details>"
)
FENCED = "```python\n{}\n```"
GRADER = {"schema_version": 3, "grade": False, "solution": True, "locked": False}
GRADER |= {"task": False, "grade_id": "theirs"}
TASK = GRADER | {"task": True, "solution": False, "points": 2}
MANUAL = GRADER | {"grade": True, "points": 2}
PICTURE = {"my fig.png": {"image/png": "aGlkZGVu"}}


def make(kind, name, source, *tags, **more):
    """A cell as front ends store it."""
    cell = {"cell_type": kind, "id": name, "metadata": {"tags": list(tags)}}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": 3}
    return cell | {"source": source, **more}


def notebook():
    """A notebook with one exercise, as JSON."""
    cells = [
        make("markdown", "title", "# Title"),
        make("markdown", "task", "Give the KL.", "exercise"),
        make("code", "stub", "my_kl = None", "exercise"),
        make("code", "check", "check_kl(my_kl)", "check"),
        make("markdown", "solution", SOLVED.format(""), "solution"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}} | version(4, 5)


def version(major, minor):
    return {"nbformat": major, "nbformat_minor": minor}


def cell(made, name):
    return next(cell for cell in made["cells"] if cell["id"] == name)


def put(name, **fields):
    """Change fields of one cell."""
    return lambda made: cell(made, name).update(fields)


def meta(name, **fields):
    """Change metadata of one cell."""
    return lambda made: cell(made, name)["metadata"].update(fields)


def add(kind, source, *tags, name="more", **more):
    return lambda made: made["cells"].append(make(kind, name, source, *tags, **more))


def marked(kind, source, marks, **more):
    """Add a cell with metadata of nbgrader."""
    return add(kind, source, metadata={"nbgrader": marks}, **more)


def each(**fields):
    """Change fields of all cells; None removes one."""

    def change(made):
        for cell in made["cells"]:
            cell.update(fields)
            for field in [field for field in fields if fields[field] is None]:
                del cell[field]

    return change


def both(*changes):
    def change(made):
        for one in changes:
            one(made)

    return change


def colab(made):
    made["metadata"]["colab"] = {"provenance": []}
    for number, cell in enumerate(made["cells"]):
        cell["metadata"] |= {"id": f"Xk3{number}", "colab": {"base_uri": "https://Xk3"}}


def whole(**fields):
    return lambda made: made.update(fields)


def swap(one, other):
    def change(made):
        cells, names = made["cells"], [cell["id"] for cell in made["cells"]]
        i, j = names.index(one), names.index(other)
        cells[i], cells[j] = cells[j], cells[i]

    return change


def tags(name, *values):
    return meta(name, tags=list(values))


RIGHT = {"solution": "my_kl = 0.6931", "source": "my_kl = 0.6931", "hidden": "0.6931"}
NONE_TAGGED = "has the tag {!r}; the tags of an exercise are"

CASES = {
    # --- the cell type of a solution
    "as it should be": (put("title"), RIGHT),
    "solution is code": (add("code", "my_kl = 0.6931", "solution"), "must be Markdown"),
    "solution is raw": (add("raw", "my_kl = 0.6931", "solution"), "must be Markdown"),
    "solution is a proof": (
        add("markdown", "By parts.", "solution"),
        "'more' must have one",
    ),
    "check is Markdown": (put("check", cell_type="raw"), "'check', a stub or check, must"),
    "stub is raw": (add("raw", "my_b = None", "exercise"), "'more', a stub or check, must"),
    "type of another tool": (add("sql", "select 1"), "cell 'more': it has the type 'sql'"),
    # --- the spelling of tags
    **{
        f"tag {tag!r}": (add("markdown", "0.6931", tag), NONE_TAGGED.format(tag))
        for tag in (
            *("solution ", " solution", "Solution", "SOLUTION", "solutions", "soluton"),
            *(
                "solution\u200b",
                "ｓｏｌｕｔｉｏｎ",
                "sоlution",
                "sample-solution",
                "answer",
            ),
            *("Exercise", "exercises", "Check", "check "),
        )
    },
    "tags are no list": (meta("solution", tags="solution"), "cell 'solution'"),
    "tags are null": (meta("title", tags=None), "cell 'title'"),
    "a tag twice": (tags("solution", "solution", "solution"), "cell 'solution'"),
    "two tags": (tags("solution", "solution", "exercise"), "'solution' has several tags"),
    "tags of other tools": (tags("title", "nbval-check-output", "hide-input", "x"), RIGHT),
    "no tag": (add("markdown", SOLVED.format("")), "'<summary>Solution' begins"),
    "no tag, in words": (
        add("markdown", "Try.\r\r**Sample solution 2.**\r\rIt is 0.6931."),
        "'**Sample solution 2.' begins",
    ),
    "a text about solutions": (add("markdown", "The solution of $x=1$ is one."), RIGHT),
    "answer in another cell": (
        add("code", "my_kl  =  0.6931"),
        "'more' contains the answer",
    ),
    "answer in the task": (
        put("task", source="Not my_kl = 0.6931."),
        "'task' contains the answer",
    ),
    "answer begins a longer one": (
        put("task", source="Is my_kl = 0.69315 or 1?"),
        {"student": "Is my_kl = 0.69315", "hidden": '0.6931"'},
    ),
    # --- the code of solutions, stubs and checks
    "two statements on a line": (
        put("solution", source=FENCED.format("my_kl = 0.6931; check_kl(my_kl)")),
        {"solution": "my_kl = 0.6931; check_kl(my_kl)", "hidden": "0.6931"},
    ),
    "windows": (
        put("solution", source=SOLVED.format("Why: *0.6931*").replace("\n", "\r\n")),
        RIGHT | {"solution": "Why: *0.6931*"},
    ),
    "old Macs": (put("solution", source=SOLVED.format("").replace("\n", "\r")), RIGHT),
    "separators in a text": (
        put("solution", source=FENCED.format('my_kl = "a\x0b\x1c\u2028b"  # \x0c0.6931')),
        {"solution": 'my_kl = "a\x0b\x1c\u2028b"  # \x0c0.6931', "hidden": "\u2028"},
    ),
    "separator in code": (
        put("solution", source=FENCED.format("my_kl =\u20285")),
        "not Python",
    ),
    "blanks after the fence": (
        put("solution", source="```python  \nmy_kl = 0.6931\n```  "),
        RIGHT,
    ),
    "tildes": (
        put("solution", source="~~~python\nmy_kl = 0.6931\n~~~"),
        "one block of code",
    ),
    "null character": (put("stub", source="my_kl = None\0"), "'stub' is not Python"),
    "magic": (put("stub", source="%time my_kl = None"), "'stub' is not Python"),
    "statements before the check": (
        put("check", source="# two\nx = 1; check_kl(my_kl);"),
        {
            "student": "x = 1; check_kl(my_kl);",
            "source": "result = check_kl(my_kl)\nassert",
            "hidden": "result",
        },
    ),
    "check above its stub": (swap("stub", "check"), "'check' is above its stub, 'stub'"),
    "solution from the future": (
        put("solution", source=FENCED.format("from __future__ import division\nmy_kl = 1")),
        "cell 'stub', stub and solution in one cell",
    ),
    "mark in a solution": (
        put("solution", source=FENCED.format("my_kl = 'a'\n# END SOLUTION\nmy_kl = 'b'")),
        "'solution' contains 'END SOLUTION'",
    ),
    "mark in a stub": (
        put("stub", source="my_kl = None\n### BEGIN SOLUTION\nmy_kl = 1"),
        "'BEGIN SOLUTION'",
    ),
    "otter's mark": (
        put("stub", source="my_kl = 0.6931  # SOLUTION"),
        "contains '# SOLUTION'",
    ),
    "otter's tests": (
        both(add("raw", "# BEGIN TESTS"), add("code", "assert f(1) == 42", name="test")),
        "'more': it contains 'BEGIN TESTS'",
    ),
    "mark in the check": (
        put("check", source="# END HIDDEN TESTS\ncheck_kl(my_kl)"),
        "'check': it contains 'END HIDDEN TESTS'",
    ),
    "check on several lines": (
        put("check", source="x = 1\rcheck_kl(\r    my_kl,  # yours\r)\r"),
        RIGHT | {"source": "result = check_kl(my_kl)\nassert", "student": "# yours"},
    ),
    "check of two": (put("check", source="check_kl(my_kl, 2)"), "must end with a check"),
    "braces": (
        put("solution", source=FENCED.format('my_kl = {"{x}": {}}')),
        {"solution": 'my_kl = {"{x}": {}}', "source": 'my_kl = {"{x}": {}}'},
    ),
    "fence in a list": (
        put("solution", source="- a\n\n  ```python\n  my_kl = 1\n  ```"),
        "one block of code",
    ),
    "fence without end": (
        put("solution", source="```python\nmy_kl = 1"),
        "one block of code",
    ),
    "two fences": (put("solution", source=SOLVED + SOLVED), "not 2"),
    "too deep": (put("stub", source=f"my_kl = {'-' * 20000}1"), "'stub' is not Python"),
    "ligature": (
        both(
            put("stub", source="my_\ufb01 = None"),
            put("check", source="check_kl(my_fi)"),
            put("solution", source=FENCED.format("my_fi = 0.6931")),
        ),
        {"solution": "my_fi = 0.6931", "hidden": "0.6931"},
    ),
    "another cell overwrites the answer": (
        add("code", "def my_kl():\n    return 3"),
        "'more' assigns my_kl",
    ),
    "a cell with a magic overwrites the answer": (
        add("code", "%%time\ndef my_kl():\n    return 3"),
        "'more' assigns my_kl",
    ),
    "a cell with a command overwrites the answer": (
        add("code", "!pip install x\nmy_kl = 3"),
        "'more' assigns my_kl",
    ),
    "a raw cell keeps another answer": (
        add("raw", "def my_kl():\n    return 3"),
        "'more' assigns my_kl",
    ),
    "another cell uses the answer": (add("code", "%time my_kl\nmy_kl == 3"), RIGHT),
    # --- solutions without a tag
    **{
        f"untagged {text!r}": (add(kind, text), "begins a solution without the tag")
        for kind, text in (
            ("markdown", "<h3>Solution</h3><p>42"),
            ("markdown", "> *Solution*\n> 42"),
            ("markdown", "**Solution 3:** it is 42"),
            ("markdown", "Do.\n<!-- solution: 42 -->"),
            ("markdown", "<summary>Show the solution</summary>"),
            ("raw", "Solution. 42"),
            ("markdown", "### Solution to exercise 1\n\n42"),
            ("code", "# Solution\nz = 42"),
        )
    },
    **{
        f"no solution {text!r}": (add(kind, text), RIGHT)
        for kind, text in (
            ("markdown", "**Your answer:**\n\nAnswer: "),
            ("markdown", "## Solutions of linear systems"),
            ("code", "solution = 42\nsolutions.append(3)"),
        )
    },
    # --- cells of nbgrader
    "marks in a text": (
        add("markdown", "Write between ### BEGIN SOLUTION and ### END SOLUTION."),
        "'more'",
    ),
    "hidden part of theirs": (
        marked("code", "z = 0\n### BEGIN SOLUTION\nz = 42\n### END SOLUTION", GRADER),
        RIGHT | {"source": "z = 42", "student": "z = 0", "hidden": "z = 42"},
    ),
    "written answer": (
        marked("markdown", "## Answer\n\nIt is 42.", MANUAL),
        {"student": "YOUR ANSWER HERE", "source": "42", "hidden": "42"},
    ),
    "mark scheme": (
        marked("markdown", "Draw.\n### BEGIN MARK SCHEME\n42\n### END MARK SCHEME", TASK),
        {"student": "Draw.", "source": "42", "hidden": "42"},
    ),
    "picture in a written answer": (
        marked("markdown", "![](attachment:my%20fig.png)", MANUAL, attachments=PICTURE),
        "'more': nbgrader would hand out its attachments",
    ),
    "no end of a mark": (
        marked("code", "### BEGIN SOLUTION\r42", GRADER),
        "cell 'more', in nbgrader: RuntimeError: no end solution",
    ),
    "nested marks": (
        marked("code", "# BEGIN SOLUTION\n# BEGIN SOLUTION", GRADER),
        "cell 'more', in nbgrader",
    ),
    "same grade_id as ours": (
        marked("code", "z = 1", GRADER | {"grade_id": "stub"}),
        "cell 'more': cell 'stub' has the same grade_id, 'stub'",
    ),
    "same grade_id twice": (
        both(marked("code", "z = 1", GRADER), marked("code", "a = 1", GRADER, name="b")),
        "cell 'b': cell 'more' has the same grade_id",
    ),
    "old nbgrader": (
        marked("code", "z = 1", GRADER | {"schema_version": 1}),
        "'more', in nb",
    ),
    "grade_id with an umlaut": (
        marked("code", "z = 1", GRADER | {"grade_id": "ü"}),
        "cell 'more', in nbgrader",
    ),
    "no points": (marked("code", "z = 1", GRADER | {"grade": True}), "'more', in nbgrader"),
    "nbgrader is null": (meta("title", nbgrader=None), "cell 'title'"),
    "nbgrader is a text": (meta("title", nbgrader="no"), "cell 'title'"),
    "our cells marked before": (meta("stub", nbgrader=GRADER | {"grade_id": "x"}), RIGHT),
    "another language": (
        lambda made: made["metadata"]["kernelspec"].update(language="R"),
        "language 'R'",
    ),
    "no kernel": (whole(metadata={}), RIGHT),
    # --- other front ends and versions
    "Colab": (
        both(each(id=None), whole(**version(4, 0)), colab),
        RIGHT | {"hidden": "Xk3"},
    ),
    "no ids": (both(each(id=None), whole(**version(4, 4))), RIGHT),
    "no ids in 4.5": (each(id=None), RIGHT),
    "ids in 4.4": (whole(**version(4, 4)), RIGHT | {"source": '"grade_id": "check"'}),
    "duplicate ids": (each(id="a"), RIGHT | {"source": '"grade_id": "a-4"'}),
    "ids of VS Code": (put("check", id="#VSC-4f"), RIGHT | {"source": '"VSC-4f"'}),
    "ids with umlauts": (put("check", id="prüfe mich"), RIGHT | {"source": '"prfemich"'}),
    "ids are numbers": (put("check", id=7), RIGHT | {"source": '"grade_id": "7"'}),
    "ids are too long": (put("check", id="x" * 80), RIGHT | {"source": f'"{64 * "x"}"'}),
    "version 3": (
        lambda made: (
            made.update(version(3, 0), worksheets=[{"cells": []}]),
            made.pop("cells"),
        ),
        "there is no exercise",
    ),
    "no cells": (whole(cells=[]), "there is no exercise"),
    "no metadata": (each(metadata=None), "missing an expected key: metadata"),
    "no source": (put("title", source=None), "cell 'title'"),
    "slideshow is null": (meta("title", slideshow=None), RIGHT),
    "slideshow is a text": (meta("title", slideshow="skip"), "cell 'title'"),
    "speaker notes": (
        add("markdown", "42", metadata={"slideshow": {"slide_type": "Notes "}}),
        {"student": "# Title", "hidden": "42"},
    ),
    "half an emoji": (put("task", source="\ud83d"), "cell 'task': half a character"),
    "an emoji": (put("task", source="\U0001f600 ü"), RIGHT | {"student": "\U0001f600 ü"}),
    "attachment of the text": (
        put("task", source="![](attachment:my%20fig.png)", attachments=PICTURE),
        RIGHT | {"student": "aGlkZGVu"},
    ),
    "attachment with umlauts": (
        put(
            "task",
            source="![](attachment:B%C3%BCld%201.png)",
            attachments={"Büld 1.png": {"image/png": "QUJD"}},
        ),
        RIGHT | {"student": "QUJD"},
    ),
    "attachment without Latin letters": (
        put("task", attachments={"\u56fe": {"image/png": "QUJD"}}),
        RIGHT | {"hidden": "QUJD"},
    ),
    "attachment whose name ends another": (
        put(
            "task",
            source="![](attachment:my_image.png)",
            attachments={
                "my_image.png": {"image/png": "QUJD"},
                "image.png": {"image/png": "aGlkZGVu"},
            },
        ),
        RIGHT | {"student": "QUJD", "hidden": "aGlkZGVu"},
    ),
    "attachment of deleted text": (
        put("task", attachments=PICTURE),
        RIGHT | {"hidden": "aGlkZGVu"},
    ),
    "picture of a solution": (
        put(
            "solution",
            attachments=PICTURE,
            source=SOLVED.format("![](attachment:my%20fig.png)"),
        ),
        RIGHT | {"solution": "aGlkZGVu", "hidden": "aGlkZGVu"},
    ),
}

# --- where a notebook stores what belongs to a solution
SECRET = "zirconium"


def stored(*keys):
    """Store a text at a path of keys into the JSON; numbers are cells."""

    def change(made, text):
        place = made
        for key in keys[:-1]:
            place = place[key] if isinstance(key, int) else place.setdefault(key, {})
        place[keys[-1]] = text

    return change


def in_cell(cell, *keys):
    """Store a text in a cell, by its position in the notebook above."""
    return stored("cells", cell, *keys)


def shown(output):
    """Store a text as an output of the first code cell and of a later one."""

    def change(made, text):
        made["cells"].append(make("code", "later", "show_source(my_kl)"))
        for cell in (made["cells"][2], made["cells"][-1]):
            cell["outputs"] = [output(text)]

    return change


def more(kind, source, *tags, **fields):
    """Store a text in a further cell, for {} in the source."""
    return lambda made, text: add(kind, source.format(text), *tags, **fields)(made)


WIDGETS = "application/vnd.jupyter.widget-state+json"
TITLE, TASK_CELL, STUB, CHECK, SOLUTION = range(5)
PLACES = {
    "code": lambda made, text: put("solution", source=FENCED.format(f"my_kl = '{text}'"))(
        made
    ),
    "reason": lambda made, text: put("solution", source=SOLVED.format(text))(made),
    "cell metadata": in_cell(SOLUTION, "metadata", "note"),
    "nbgrader metadata": in_cell(SOLUTION, "metadata", "nbgrader"),
    "attachment": in_cell(SOLUTION, "attachments", "a.png", "image/png"),
    "name of an attachment": lambda made, text: put("solution", attachments={text: {}})(
        made
    ),
    "attachment after a split": in_cell(TASK_CELL, "attachments", "a.png", "image/png"),
    "field of another tool": in_cell(SOLUTION, "prompt"),
    "field in a stub": in_cell(STUB, "completion"),
    "field of the notebook": stored("history"),
    "outputs of a text": in_cell(TITLE, "outputs"),
    "metadata of a stub": in_cell(STUB, "metadata", "solution"),
    "metadata of nbgrader in a stub": in_cell(STUB, "metadata", "nbgrader", "comment"),
    "metadata of a check": in_cell(CHECK, "metadata", "execution", "reply"),
    "metadata of a task": in_cell(TASK_CELL, "metadata", "deleted"),
    "metadata of the notebook": stored("metadata", "backup"),
    "widgets": stored("metadata", "widgets", WIDGETS, "state", "m1", "state", "value"),
    "printed": shown(
        lambda text: {"output_type": "stream", "name": "stdout", "text": text}
    ),
    "error": shown(
        lambda text: {
            "output_type": "error",
            "ename": "E",
            "evalue": text,
            "traceback": [text],
        }
    ),
    "shown": shown(
        lambda text: {
            "output_type": "display_data",
            "metadata": {"alt": text},
            "data": {"image/png": text, WIDGETS: {"x": [text]}},
        }
    ),
    "speaker note": more("markdown", "{}", metadata={"slideshow": {"slide_type": "notes"}}),
    "written answer": more("markdown", "{}", metadata={"nbgrader": MANUAL}),
    "marked region": more(
        "code", "# BEGIN SOLUTION\n# {}\n# END SOLUTION", metadata={"nbgrader": GRADER}
    ),
    "hidden test": more(
        "code",
        "# BEGIN HIDDEN TESTS\n# {}\n# END HIDDEN TESTS",
        metadata={"nbgrader": MANUAL | {"solution": False, "locked": True}},
    ),
    "mark scheme": more(
        "markdown",
        "# BEGIN MARK SCHEME\n{}\n# END MARK SCHEME",
        metadata={"nbgrader": TASK},
    ),
}
