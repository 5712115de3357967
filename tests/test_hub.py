"""The class's hub: who is admitted, the limits, and pulls that keep a student's work.

The configuration is read without JupyterHub. Tests of the hub itself are skipped where it
is not installed; to run them:

    pip install -r hub/requirements.txt && npm install -g configurable-http-proxy
    COURSE_REQUIRE_HUB=1 python -m pytest tests/test_hub.py
"""

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def configuration(folder, students=None):
    """The configuration of a course in this folder."""
    (folder / "hub").mkdir(exist_ok=True)
    shutil.copy(ROOT / "hub" / "jupyterhub_config.py", folder / "hub")
    if students is not None:
        (folder / "hub" / "students.txt").write_text(students, "utf-8")
    return PyFileConfigLoader("jupyterhub_config.py", str(folder / "hub")).load_config()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return configuration(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((ROOT / "hub" / "values.yaml").read_text("utf-8"))


def require(*needed):
    """Skip where the hub is not installed; fail where it should be."""
    missing = [name for name in needed if not importlib.util.find_spec(name)]
    if "jupyterhub" in needed and not shutil.which("configurable-http-proxy"):
        missing.append("configurable-http-proxy")
    if missing:
        message = (
            f"{', '.join(missing)}: not installed, see the head of {Path(__file__).name}"
        )
        (pytest.fail if os.environ.get("COURSE_REQUIRE_HUB") == "1" else pytest.skip)(
            message
        )


# --- admission ------------------------------------------------------------------------


def test_only_users_on_the_list_are_admitted(config, tmp_path):
    assert config.Authenticator.allowed_users == set()
    named = configuration(tmp_path, "ada\nemmy\n")
    assert named.Authenticator.allowed_users == {"ada", "emmy"}
    for each in (config, named):
        assert each.Authenticator.allow_all is False
        assert each.Authenticator.allow_existing_users is False
        assert "admin_users" not in each.Authenticator


def test_passwords_are_those_of_the_accounts_and_the_hub_listens_locally(config):
    assert config.JupyterHub.authenticator_class == "pam"
    assert config.JupyterHub.bind_url.startswith("http://127.0.0.1:")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_only_the_hub_can_read_its_database_and_secret(config):
    database = config.JupyterHub.db_url.removeprefix("sqlite:///")
    folder = Path(database).parent
    assert folder.stat().st_mode & 0o077 == 0
    assert Path(config.JupyterHub.cookie_secret_file).parent == folder


def test_no_account_can_read_another_one_s_kernel(config):
    assert "--KernelManager.transport=ipc" in config.Spawner.args
    assert config.SystemdSpawner.unit_extra_properties["UMask"] == "0077"


def test_on_kubernetes_nobody_is_admitted_before_a_login_is_configured(values):
    settings = values["hub"]["config"]
    assert settings["JupyterHub"]["authenticator_class"] == "generic-oauth"
    assert set(settings["GenericOAuthenticator"].values()) == {""}
    assert settings["Authenticator"]["allow_all"] is False
    assert settings["Authenticator"]["allowed_users"] == []


# --- limits ---------------------------------------------------------------------------


def test_each_student_has_one_server_with_limits_by_systemd(config):
    assert config.JupyterHub.spawner_class == "systemd"
    assert config.JupyterHub.allow_named_servers is False
    assert config.Spawner.mem_limit == "4G" and config.Spawner.cpu_limit == 2
    assert config.SystemdSpawner.unit_extra_properties["MemorySwapMax"] == "0"
    assert int(config.SystemdSpawner.unit_extra_properties["TasksMax"]) >= 128


def test_one_student_s_torch_takes_one_thread(config, values):
    assert config.Spawner.environment["OMP_NUM_THREADS"] == "1"
    assert values["singleuser"]["extraEnv"]["OMP_NUM_THREADS"] == "1"


def test_kubernetes_has_the_same_limits(config, values):
    student = values["singleuser"]
    assert student["memory"]["limit"] == config.Spawner.mem_limit
    assert student["cpu"]["limit"] == config.Spawner.cpu_limit
    assert values["hub"]["allowNamedServers"] is False


# --- images ---------------------------------------------------------------------------


def test_the_image_has_torch_of_the_course_s_version_and_the_extra_lab():
    environment = yaml.safe_load((BINDER / "environment.yml").read_text("utf-8"))
    listed = (ROOT / "pyproject.toml").read_text("utf-8")
    bound = re.search(r'^    "torch(>.*)"', listed, re.MULTILINE)[1]
    assert f"pytorch-cpu{bound}" in environment["dependencies"]
    assert '-e ".[lab]"' in (BINDER / "postBuild").read_text("utf-8")


# --- hand-out -------------------------------------------------------------------------


def git(folder, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def handed_out(tmp_path):
    """A class's repository, and a student's folder after the first pull."""
    require("nbgitpuller")
    source, home = tmp_path / "class", tmp_path / "home"
    source.mkdir()
    git(source, "init", "--initial-branch=main")
    publish(source, **{"06.ipynb": "task\nstub\n\n\n\nend\n", "gone.ipynb": "x\n"})
    pull(source, home)
    return source, home


def publish(source, **files):
    for name, text in files.items():
        (source / name).write_text(text, "utf-8")
    git(source, "add", "--all")
    git(source, "commit", "--message", "publish")


def pull(source, home):
    """The pull that the server runs when a student opens the link."""
    command = [sys.executable, "-m", "nbgitpuller.pull", source.as_uri(), "main", home]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pull_adds_new_lines_and_keeps_those_of_the_student(handed_out):
    source, home = handed_out
    (home / "06.ipynb").write_text("task\nmy answer\n\n\n\nend\n", "utf-8")
    publish(source, **{"06.ipynb": "task\nnew stub\n\n\n\nnew end\n", "07.ipynb": "new\n"})
    pull(source, home)
    assert (home / "06.ipynb").read_text("utf-8") == "task\nmy answer\n\n\n\nnew end\n"
    assert (home / "07.ipynb").read_text("utf-8") == "new\n"


def test_a_pull_keeps_student_files_that_the_class_deletes_or_adds(handed_out):
    source, home = handed_out
    (home / "gone.ipynb").write_text("my work\n", "utf-8")
    (home / "07.ipynb").write_text("my own\n", "utf-8")
    (source / "gone.ipynb").unlink()
    publish(source, **{"07.ipynb": "theirs\n"})
    pull(source, home)
    assert (home / "gone.ipynb").read_text("utf-8") == "my work\n"
    assert (home / "07.ipynb").read_text("utf-8") == "theirs\n"
    (own,) = home.glob("07__*.ipynb")
    assert own.read_text("utf-8") == "my own\n"


def test_a_pull_restores_a_deleted_notebook(handed_out):
    source, home = handed_out
    (home / "06.ipynb").unlink()
    pull(source, home)
    assert (home / "06.ipynb").read_text("utf-8") == "task\nstub\n\n\n\nend\n"


# --- the hub itself -------------------------------------------------------------------


def test_every_setting_is_one_of_jupyterhub_s(config):
    require("jupyterhub", "systemdspawner")
    from jupyterhub.app import JupyterHub
    from jupyterhub.auth import Authenticator
    from systemdspawner import SystemdSpawner

    owners = {"Authenticator": Authenticator, "JupyterHub": JupyterHub}
    for section, settings in config.items():
        traits = owners.get(section, SystemdSpawner).class_traits(config=True)
        assert set(settings) <= set(traits), section


@pytest.fixture
def classroom(monkeypatch):
    """The module benchmarks/classroom.py."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("classroom")


@pytest.fixture
def notebook(tmp_path):
    """A lesson of two cells: a figure, and the data."""
    require("jupyterhub")
    cells = ["from IPython.display import Image; Image(b'\\x89PNG', format='png')"]
    cells += ["from course_utils import data; data.mnist('test')"]
    cells = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    return tmp_path / "lesson.ipynb"


def test_the_hub_admits_only_listed_users_with_the_password(classroom, notebook):
    with classroom.hub(["ada", "emmy"], notebook) as hub:
        for name, password in [("ada", "wrong"), ("ada", ""), ("eve", hub.password)]:
            with pytest.raises(classroom.Failed, match="refused with 403"):
                classroom.log_in(hub, name, password)
        ada = classroom.log_in(hub, "ada")
        classroom.start_server(hub, ada, "ada")
        place = f"{hub.url}/user/ada/api/contents"
        assert ada.get(place, timeout=60).status_code == 200
        emmy = classroom.log_in(hub, "emmy")
        assert emmy.get(place, timeout=60).status_code == 403
        assert emmy.get(f"{hub.url}/hub/api/users/ada", timeout=60).status_code == 404
        assert classroom.requests.get(place, timeout=60).status_code == 403
        with classroom.kernel(hub, ada, "ada", notebook.name):
            sockets = [path for path in hub.homes.glob("ada/**/*") if path.is_socket()]
        assert sockets and all(path.stat().st_mode & 0o022 == 0 for path in sockets)


@pytest.mark.parametrize("fault", ["computes", "takes memory", "crashes"])
def test_one_student_s_fault_does_not_affect_another(classroom, notebook, fault):
    (code,) = [code for kind, code in classroom.FAULTS.items() if kind.startswith(fault)]
    result, error = classroom.lesson_beside(code, notebook)
    assert result["failure"] is None and "figure" in result
    expected = {"computes": "KeyboardInterrupt", "crashes": "the kernel died"}
    assert expected.get(fault, "MemoryError") in error


# --- how many students ----------------------------------------------------------------


def test_the_lesson_with_a_fault_ends_at_a_figure_after_the_training(classroom):
    cells = nbformat.read(classroom.NOTEBOOK, as_version=4).cells
    ids = [cell.id for cell in cells]
    end = ids.index(classroom.TRAINED)
    assert any("image/png" in output.get("data", {}) for output in cells[end].outputs)
    assert any(" = train(" in cell.source for cell in cells[:end])


def test_needs_gives_cores_and_memory_of_a_class(classroom):
    assert classroom.needs(30, cpu=90, cell=30, memory=1500) == (0.5, 15, 45)


def test_failures_are_counted_and_left_out_of_the_times(classroom):
    good = {"cells": {"train": 30.0}, "failure": None}
    good |= {"server": 4.0, "figure": 14.0, "finished": 99.0}
    bad = {"cells": {}, "failure": "Failed: the kernel died", "server": 1.0}
    usage = [{"cpu": 90.0, "memory": 1500.0}, {"cpu": 1.0, "memory": 100.0}]
    row = classroom.summary([good, bad], usage)
    assert row["finished"] == [99, 99] and row["failures"] == [bad["failure"]]
    assert "| 2 | 4 (4) | 14 (14) | 99 (99) | 30 | 90 | 1.5 GB | 1 |" in classroom.table(
        [row], 1.0
    )
