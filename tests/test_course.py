"""course.py sets up once, starts the module of a command, and returns its exit code.

No test changes the real environment: each has a course of its own in a temporary folder,
in which short scripts replace JupyterLab, pytest and the tools.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import course

ROOT = Path(__file__).parents[1]

TOOLS = {
    name: name for name in ("check", "execute", "slides", "handout", "playground", "site")
}
TOOLS["new"] = "new_notebook"
REPORT = """
import os, sys
print(os.path.basename(__file__), sys.argv[1:], os.getcwd())
sys.exit(7)
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course in a temporary folder, not set up yet."""
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(course, "PYTHON", tmp_path / ".venv" / "python")
    (tmp_path / "requirements.txt").write_text("-e .")
    (tmp_path / "pyproject.toml").write_text("dependencies = ['torch']")
    return tmp_path


@pytest.fixture
def set_up_commands(root, monkeypatch):
    """The commands of the set-up, recorded instead of run; a computer with a GPU, no uv."""
    commands = []

    def run(command, **options):
        assert options["check"]
        if command[-2:] == ["config", "list"]:
            return subprocess.CompletedProcess(command, 0, stdout="")
        commands.append([str(part) for part in command])
        if "--clear" in command:
            shutil.rmtree(course.VENV, ignore_errors=True)
        course.VENV.mkdir(exist_ok=True)
        course.PYTHON.touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(course.subprocess, "run", run)
    monkeypatch.setattr(course, "has_gpu", lambda: True)
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    return commands


def test_set_up_makes_the_environment_and_installs_the_requirements(
    root, set_up_commands, capsys
):
    course.set_up()
    make, install = set_up_commands
    venv = [sys.executable, "-m", "venv", "--upgrade-deps", "--clear"]
    assert make == [*venv, str(root / ".venv")]
    assert install[:4] == [str(course.PYTHON), "-m", "pip", "install"]
    assert install[-2:] == ["-r", "requirements.txt"]
    first, *_, last = capsys.readouterr().out.strip().splitlines()
    assert "some minutes, once" in first
    assert last == f"{root / '.venv'} with its 0.0 GB."


def test_set_up_happens_once(set_up_commands, capsys):
    course.set_up()
    set_up_commands.clear()
    capsys.readouterr()
    course.set_up()
    assert set_up_commands == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_are_installed(root, set_up_commands, name):
    course.set_up()
    set_up_commands.clear()
    (root / name).write_text("others")
    course.set_up()
    assert len(set_up_commands) == 2 and "--clear" not in set_up_commands[0]


def test_an_environment_without_its_python_is_made_again(set_up_commands):
    course.set_up()
    set_up_commands.clear()
    course.PYTHON.unlink()
    course.set_up()
    assert len(set_up_commands) == 2 and "--clear" in set_up_commands[0]


def test_a_moved_course_is_set_up_again(set_up_commands, monkeypatch, root):
    course.set_up()
    set_up_commands.clear()
    (root / "elsewhere").mkdir()
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(root / name, root / "elsewhere")
    monkeypatch.setattr(course, "ROOT", root / "elsewhere")
    course.set_up()
    assert len(set_up_commands) == 2


def test_a_failed_set_up_is_tried_again(root, monkeypatch):
    attempts = []

    def fail(command, **_):
        attempts.append(command)
        raise subprocess.CalledProcessError(1, "pip")

    (root / ".venv").mkdir()
    course.PYTHON.touch()
    monkeypatch.setattr(course.subprocess, "run", fail)
    monkeypatch.setattr(course, "has_gpu", lambda: True)
    for count in (1, 2):
        with pytest.raises(subprocess.CalledProcessError):
            course.set_up()
        assert len(attempts) == count


# --- the build of PyTorch -------------------------------------------------------------

TORCH = ["torch>=2.6", "torchvision>=0.21"]


@pytest.fixture
def laptop(root, set_up_commands, monkeypatch):
    """Linux without an NVIDIA GPU, at a terminal where a question is answered by Enter."""
    (root / "pyproject.toml").write_text('    "torch>=2.6",\n    "torchvision>=0.21",\n')
    questions = []
    monkeypatch.setattr(course.sys, "platform", "linux")
    monkeypatch.setattr(course, "has_gpu", lambda: False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr(course, "at_a_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or "")
    return questions


def of_cpu(commands):
    """Whether they install the CPU build, before everything else."""
    (make, *early, last) = commands
    assert make[1:3] == ["-m", "venv"] and last[-2:] == ["-r", "requirements.txt"]
    assert [step[-4:] for step in early] in (
        [],
        [["--index-url", course.CPU_TORCH, *TORCH]],
    )
    return bool(early)


def test_on_a_laptop_one_question_offers_the_cpu_build(laptop, set_up_commands, capsys):
    course.set_up()
    assert len(laptop) == 1 and of_cpu(set_up_commands)
    said = capsys.readouterr().out
    assert all(
        word in said for word in ("No NVIDIA GPU", "2.3 GB", "6.8 GB", "same results")
    )


def test_the_other_build_can_be_chosen(laptop, set_up_commands, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: " GPU ")
    course.set_up()
    assert not of_cpu(set_up_commands)


def test_the_choice_is_remembered(laptop, set_up_commands, root):
    course.set_up()
    set_up_commands.clear()
    course.set_up()
    assert set_up_commands == []
    with (root / "pyproject.toml").open("a") as file:
        file.write("# a change")
    course.set_up()
    assert len(laptop) == 1 and of_cpu(set_up_commands)


def test_the_choice_outlives_a_download_that_breaks_off(
    laptop, set_up_commands, monkeypatch
):
    record = course.subprocess.run

    def broken(command, **options):
        done = record(command, **options)
        if "--index-url" in command:
            raise subprocess.CalledProcessError(1, command)
        return done

    with monkeypatch.context() as patch, pytest.raises(subprocess.CalledProcessError):
        patch.setattr(course.subprocess, "run", broken)
        course.set_up()
    set_up_commands.clear()
    course.set_up()
    assert len(laptop) == 1 and of_cpu(set_up_commands)
    assert "--clear" not in set_up_commands[0]


def test_where_nobody_can_answer_nothing_is_asked(
    laptop, set_up_commands, monkeypatch, capsys
):
    monkeypatch.setattr(course, "at_a_terminal", lambda: False)
    course.set_up()
    assert not laptop and not of_cpu(set_up_commands)
    assert "add --cpu" in capsys.readouterr().out


def test_a_pipe_is_no_terminal():
    code = "import course; print(course.at_a_terminal())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("reason", ["a GPU", "macOS", "another index for pip"])
def test_nothing_is_asked_where_there_is_nothing_to_choose(
    laptop, set_up_commands, monkeypatch, reason, capsys
):
    if reason == "a GPU":
        monkeypatch.setattr(course, "has_gpu", lambda: True)
    elif reason == "macOS":
        monkeypatch.setattr(course.sys, "platform", "darwin")
    else:
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.org/simple")
    course.set_up()
    assert not laptop and not of_cpu(set_up_commands)
    assert "NVIDIA" not in capsys.readouterr().out


def test_the_flag_takes_the_cpu_build_without_a_question(laptop, set_up_commands):
    course.set_up(cpu=True)
    assert not laptop and of_cpu(set_up_commands)


def test_the_flag_replaces_the_other_build(laptop, set_up_commands, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "gpu")
    course.set_up()
    set_up_commands.clear()
    course.set_up(cpu=True)
    assert "--clear" in set_up_commands[0] and of_cpu(set_up_commands)
    set_up_commands.clear()
    course.set_up(cpu=True)
    assert set_up_commands == []


def test_the_flag_is_not_passed_on(monkeypatch):
    flags = []
    monkeypatch.setattr(course, "set_up", flags.append)
    monkeypatch.setattr(course.signal, "signal", lambda *_: None)
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    commands = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(
        course.subprocess, "run", lambda command, **_: commands.append(command) or done
    )
    course.main(["test", "--cpu", "-x"])
    assert flags == [True] and commands == [[str(course.PYTHON), "-m", "pytest", "-x"]]


def test_uv_installs_where_it_is_installed(set_up_commands, monkeypatch):
    monkeypatch.setattr(course.shutil, "which", lambda name: f"/bin/{name}")
    course.set_up()
    uv = ["/bin/uv", "pip", "install", "--python", str(course.PYTHON)]
    assert set_up_commands[-1] == [*uv, "-r", "requirements.txt"]


@pytest.mark.parametrize(
    "setting", ["global.index-url='https://x'", ":env:.extra-index-url='https://x'"]
)
def test_uv_is_left_out_where_pip_is_told_where_to_look(monkeypatch, setting):
    listed = subprocess.CompletedProcess([], 0, stdout=setting)
    monkeypatch.setattr(course.subprocess, "run", lambda *_, **__: listed)
    monkeypatch.setattr(course.shutil, "which", lambda name: f"/bin/{name}")
    assert "uv" not in course.installer()[0]


def test_the_bounds_of_torch_are_read_from_the_project(laptop, root, set_up_commands):
    shutil.copy(ROOT / "pyproject.toml", root)
    course.set_up()
    named = [part.split(">=")[0] for part in set_up_commands[1] if ">=" in part]
    assert named == ["torch", "torchvision"]


@pytest.mark.parametrize("arguments", [[], ["help"], ["Lab"], ["--help"]])
def test_an_unknown_command_prints_the_usage(arguments, capsys, monkeypatch):
    monkeypatch.setattr(course, "set_up", lambda: pytest.fail("unnecessary set-up"))
    assert course.main(arguments) == 2
    usage = capsys.readouterr().out
    assert all(f"python course.py {name} " in usage for name in ("lab", "test", *TOOLS))


def test_an_old_python_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(course, "set_up", lambda: pytest.fail("unnecessary set-up"))
    monkeypatch.setattr(course.sys, "version_info", (3, 9, 1))
    assert course.main(["lab"]) == 1
    assert "needs Python 3.10 or newer" in capsys.readouterr().out


# --- course.py in a process of its own ------------------------------------------------


@pytest.fixture
def launch(slow, tmp_path):
    """A course that is set up, with scripts instead of the modules that it starts."""
    for name in ("course.py", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").touch()
    for name in ("jupyterlab", "pytest", *map("tools/{}".format, TOOLS.values())):
        (tmp_path / name).with_suffix(".py").write_text(REPORT)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True
    )
    names = ("requirements.txt", "pyproject.toml")
    requirements = b"".join((tmp_path / name).read_bytes() for name in names)
    hashed = course.hashlib.sha256(requirements + str(tmp_path.resolve()).encode())
    (tmp_path / ".venv" / "installed").write_text(hashed.hexdigest())

    def launch(*arguments, **options):
        return subprocess.Popen(
            [sys.executable, tmp_path / "course.py", *arguments],
            cwd=tmp_path.parent,  # not its own folder
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    return launch


def lab_options(root, page):
    """What a course in this folder gives to JupyterLab; in the browser tests they work."""
    return [option.replace(str(ROOT), str(root)) for option in course.lab(Path(page))[1:]]


@pytest.mark.parametrize(
    "command, script",
    [
        ("lab", "jupyterlab.py"),
        ("test", "pytest.py"),
        *((name, f"{tool}.py") for name, tool in TOOLS.items()),
    ],
)
def test_a_command_starts_its_module_and_returns_its_exit_code(
    launch, tmp_path, command, script
):
    (tmp_path / "notebooks").mkdir()
    for name in ("01_one.ipynb", "10_ten.ipynb", "00_start.ipynb", "02_two.ipynb"):
        (tmp_path / "notebooks" / name).touch()
    first = os.path.join("notebooks", "00_start.ipynb")
    expected = lab_options(tmp_path, first) if command == "lab" else []
    process = launch(command, "-x", "two words")
    output, _ = process.communicate(timeout=30)
    assert output.strip() == f"{script} {[*expected, '-x', 'two words']} {tmp_path}"
    assert process.returncode == 7


FAKE_PYTEST = """
import os, pathlib, sys
print(sys.argv[1:])
saved = pathlib.Path(os.environ["COURSE_RUNS"], "one.ipynb")
pathlib.Path("folder").write_text(str(saved.parent))
saved.touch()
first, *later = pathlib.Path("codes").read_text().split()
pathlib.Path("codes").write_text(" ".join(later))
sys.exit(int(first))
"""
WORKERS = ["-n", "logical", "--maxprocesses", "4", "--no-loadscope-reorder"]
SEPARATE_SUITES = [
    "tests/test_engines.py",
    "tests/test_nbgrader.py",
    "tests/test_injected_errors.py",
    "tests/test_run_twice.py",
    "tests/test_knobs.py",
]
REST = ["-m", "not timing", *WORKERS, *(f"--ignore={path}" for path in SEPARATE_SUITES)]
TIMED = ["tests/test_benchmarks.py", "tests/browser"]
LINES = [str(REST), str(["-m", "timing", *TIMED])]


@pytest.mark.parametrize(
    "codes, lines, exit_code",
    [("0 0", 2, 0), ("1 0", 2, 1), ("0 1", 2, 1), ("2 0", 1, 2)],
    ids=["all pass", "one fails", "one fails in the browser", "interrupted"],
)
def test_the_tests_are_two_runs_and_the_second_is_serial(
    launch, tmp_path, codes, lines, exit_code
):
    (tmp_path / "pytest.py").write_text(FAKE_PYTEST)
    (tmp_path / "codes").write_text(codes)
    process = launch("test")
    output, _ = process.communicate(timeout=30)
    assert output.splitlines() == LINES[:lines]
    assert process.returncode == exit_code
    assert not Path((tmp_path / "folder").read_text()).exists()
    assert all((ROOT / path).exists() for path in [*TIMED, *SEPARATE_SUITES])


def test_without_notebooks_the_lab_opens_their_folder(launch, tmp_path):
    output, _ = launch("lab").communicate(timeout=30)
    assert str(lab_options(tmp_path, "notebooks")) in output


SLOW_TO_END = """
import sys, time
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    time.sleep(1)  # as JupyterLab and pytest, which end slowly
    print("ended", flush=True)
    sys.exit(5)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups of this kind")
def test_ctrl_c_is_handled_by_the_started_module(launch, tmp_path):
    (tmp_path / "pytest.py").write_text(SLOW_TO_END)
    process = launch("test", start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    os.killpg(
        process.pid, signal.SIGINT
    )  # as a terminal does: course.py and the module get it
    start = time.monotonic()
    output, _ = process.communicate(timeout=30)
    assert (output, process.returncode) == ("ended\n", 5)
    assert time.monotonic() - start > 0.9
