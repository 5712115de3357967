"""A class on JupyterHub: all students log in and run notebook 06 at the same time.

python benchmarks/classroom.py               # 1, 2, 4 and 8 students; or --students N ...
python benchmarks/classroom.py --faults      # the effect of one student's faults on another
python benchmarks/classroom.py --write       # and put the table into docs/hub.md

Needs Linux, hub/requirements.txt and configurable-http-proxy. The hub has the configuration
in hub/, except that servers are plain processes, that all users have one random password,
and that it listens on this machine only. Of the limits only that of memory is imitated, by
prlimit for each process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import docs_table
import psutil
import requests
import websocket

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "06_variational_autoencoder.ipynb"
LESSON = 90 * 60  # seconds
TRAINED = "see-start"  # the figure after the first training: end of a lesson with faults

# The differences between the hub under test and the one in hub/.
CONFIG = """
load_subconfig({shipped!r})
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_bind_url = {hub!r}
c.ConfigurableHTTPProxy.api_url = {api!r}
c.JupyterHub.cleanup_servers = True
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
limit = int(c.Spawner.mem_limit.removesuffix("G")) * 2**30
c.Spawner.cmd = ["prlimit", f"--data={{limit}}", {python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args += ["--allow-root"]
"""


class Hub(NamedTuple):
    url: str
    password: str
    homes: Path
    process: psutil.Process


class Failed(RuntimeError):
    """A failure that a student would see: no login, no server, an error in a cell."""


# --- the hub ------------------------------------------------------------------------------


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for free in sockets:
        free.bind(("127.0.0.1", 0))
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    return ports


@contextmanager
def hub(students: list[str], notebook: Path = NOTEBOOK) -> Iterator[Hub]:
    """A hub on this machine for these students, whose home folders hold the notebook."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        (course / "hub").mkdir(parents=True)
        shipped = shutil.copy(ROOT / "hub" / "jupyterhub_config.py", course / "hub")
        (course / "hub" / "students.txt").write_text("\n".join(students))
        homes, password = Path(folder, "h"), secrets.token_hex()
        for name in students:
            (homes / name).mkdir(parents=True)
            shutil.copy(notebook, homes / name)
        url, inner, api = (f"http://127.0.0.1:{port}" for port in free_ports(3))
        config = Path(folder, "jupyterhub_config.py")
        settings = {
            "url": url,
            "hub": inner,
            "api": api,
            "homes": str(homes / "{username}"),
        }
        settings |= {
            "shipped": str(shipped),
            "password": password,
            "python": sys.executable,
        }
        config.write_text(CONFIG.format(**settings))
        log = Path(folder, "hub.log")
        command = [sys.executable, "-m", "jupyterhub", "-f", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("w") as file:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=file, stderr=file
            )
        try:
            wait_for(lambda: answers(f"{url}/hub/api"), 180, process, log)
            yield Hub(url, password, homes, psutil.Process(process.pid))
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    """End the hub, which stops its servers and proxy; kill what is left after a minute."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    for left in psutil.wait_procs([psutil.Process(process.pid), *started], timeout=60)[1]:
        left.kill()
    process.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def wait_for(condition, seconds: float, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or process.poll() is not None:
            raise Failed(f"The hub did not start:\n{log.read_text('utf-8')[-3000:]}")
        time.sleep(0.2)


# --- a student ----------------------------------------------------------------------------


def log_in(hub: Hub, name: str, password: str | None = None) -> requests.Session:
    """Log in through the form, as a browser does; later requests use a token."""
    session = requests.Session()
    form = session.get(f"{hub.url}/hub/login", timeout=60)
    fields = {"username": name, "password": hub.password if password is None else password}
    fields["_xsrf"] = session.cookies.get("_xsrf", path="/hub/") or ""
    done = session.post(form.url, data=fields, allow_redirects=False, timeout=60)
    if done.status_code != 302:
        raise Failed(f"login refused with {done.status_code}")
    session.get(f"{hub.url}/hub/home", timeout=60)
    answer = session.post(
        f"{hub.url}/hub/api/users/{name}/tokens",
        headers={"X-XSRFToken": session.cookies.get("_xsrf", path="/hub/") or ""},
        timeout=60,
    )
    answer.raise_for_status()
    session.headers["Authorization"] = f"token {answer.json()['token']}"
    session.cookies.clear()
    return session


def start_server(hub: Hub, session: requests.Session, name: str) -> None:
    user = f"{hub.url}/hub/api/users/{name}"
    session.post(f"{user}/server", timeout=180).raise_for_status()
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        server = session.get(user, timeout=60).json()["servers"].get("")
        if server is None:
            raise Failed("the server did not start")
        if server["ready"]:
            return
        time.sleep(0.5)
    raise Failed("the server did not start in time")


@contextmanager
def kernel(hub: Hub, session: requests.Session, name: str, path: str) -> Iterator:
    """A kernel for this notebook.  -> a function that runs code, see ``execute``"""
    session_model: dict = {
        "path": path,
        "name": path,
        "type": "notebook",
        "kernel": {"name": "python3"},
    }
    api = f"{hub.url}/user/{name}/api"
    answer = session.post(f"{api}/sessions", json=session_model, timeout=120)
    answer.raise_for_status()
    channels = f"{api}/kernels/{answer.json()['kernel']['id']}/channels"
    socket = websocket.create_connection(
        channels.replace("http", "ws", 1),
        header={"Authorization": session.headers["Authorization"]},
        timeout=600,
    )
    try:
        yield lambda code: execute(socket, code)
    finally:
        socket.close()


def execute(socket: websocket.WebSocket, code: str) -> set[str]:
    """Run one cell.  -> the media types of its outputs; Failed if it fails"""
    message = uuid.uuid4().hex
    header = {"msg_id": message, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": "", "session": message, "date": ""}
    request = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell"}
    request["content"] = {"code": code, "silent": False, "allow_stdin": False}
    socket.send(json.dumps(request))
    shown, replied, idle = set(), False, False
    while not (replied and idle):
        received = socket.recv()
        if isinstance(received, bytes):  # the state of a widget
            continue
        answer = json.loads(received)
        content, kind = answer["content"], answer["header"]["msg_type"]
        if kind == "status" and content["execution_state"] in ("restarting", "dead"):
            raise Failed("the kernel died")
        if answer["parent_header"].get("msg_id") != message:
            continue
        shown |= set(content.get("data", {})) if isinstance(content, dict) else set()
        if kind == "execute_reply":
            replied = True
            if content["status"] != "ok":
                raise Failed(f"{content.get('ename')}: {content.get('evalue')}")
        idle |= kind == "status" and content["execution_state"] == "idle"
    return shown


def lesson(
    hub: Hub, name: str, notebook: Path, *, think: float = 0.0, until: str | None = None
) -> dict:
    """A student's lesson, up to a cell, in seconds since the request of the login page."""
    started, pauses = time.monotonic(), random.Random(name)
    result: dict = {"cells": {}, "failure": None}

    def elapsed() -> float:
        return time.monotonic() - started

    try:
        session = log_in(hub, name)
        start_server(hub, session, name)
        result["server"] = elapsed()
        contents = f"{hub.url}/user/{name}/api/contents/{notebook.name}"
        document = session.get(contents, timeout=60).json()["content"]
        with kernel(hub, session, name, notebook.name) as run:
            for cell in document["cells"]:
                if cell["cell_type"] != "code":
                    continue
                time.sleep(pauses.expovariate(1 / think) if think else 0)
                start = elapsed()
                shown = run(cell["source"])
                result["cells"][cell["id"]] = elapsed() - start
                if "image/png" in shown:
                    result.setdefault("figure", elapsed())
                if cell["id"] == until:
                    break
        result["finished"] = elapsed()
    except (
        Failed,
        requests.RequestException,
        websocket.WebSocketException,
        OSError,
    ) as error:
        result["failure"] = f"{type(error).__name__}: {error}"
    return result


# --- a class ------------------------------------------------------------------------------


def processes_of(hub: Hub) -> dict[str, list[psutil.Process]]:
    """The processes of each student: the server, its kernels, and their children."""
    found: dict[str, list[psutil.Process]] = {}
    for process in hub.process.children(recursive=True):
        try:
            name = process.environ().get("JUPYTERHUB_USER")
        except psutil.Error:  # the process has ended
            continue
        if name:
            found.setdefault(name, []).append(process)
    return found


def measure(hub: Hub, usage: dict[str, dict], stop: threading.Event) -> None:
    """Record each student's CPU seconds and peak memory, every 1.5 seconds.

    Memory is the proportional set size: pages that several processes share are divided
    among them, so that the students' figures add up.
    """
    while not stop.wait(1.5):
        for name, processes in processes_of(hub).items():
            memory = cpu = 0.0
            for process in processes:
                try:
                    memory += process.memory_full_info().pss / 2**20
                    cpu += sum(process.cpu_times()[:2])
                except psutil.Error:
                    continue
            peak = usage.setdefault(name, {"memory": 0.0, "cpu": 0.0})
            peak["memory"] = max(peak["memory"], memory)
            peak["cpu"] = max(peak["cpu"], cpu)


def classroom(count: int, think: float, notebook: Path = NOTEBOOK) -> dict:
    """A lesson of ``count`` students, who start 0.5 s apart.  -> their figures"""
    names = [f"student{i}" for i in range(count)]
    usage: dict[str, dict] = {}
    stop = threading.Event()
    with hub(names, notebook) as running, ThreadPoolExecutor(count + 1) as pool:
        pool.submit(measure, running, usage, stop)
        try:
            lessons = []
            for name in names:
                lessons.append(pool.submit(lesson, running, name, notebook, think=think))
                time.sleep(0.5)
            results = [one.result() for one in lessons]
        finally:
            stop.set()
    return summary(results, list(usage.values()))


def summary(results: list[dict], usage: list[dict]) -> dict:
    done = [result for result in results if not result["failure"]]
    figures: dict = {"students": len(results)}
    figures["failures"] = [result["failure"] for result in results if result["failure"]]
    for key in ("server", "figure", "finished"):
        times = [result[key] for result in done]
        figures[key] = [statistics.median(times), max(times)] if times else None
    for key in ("cpu", "memory"):
        figures[key] = max((student[key] for student in usage), default=0.0)
    figures["cell"] = max(
        (seconds for result in done for seconds in result["cells"].values()), default=0.0
    )
    return figures


# --- tables -------------------------------------------------------------------------------


def table(rows: list[dict], think: float) -> str:
    """The measured figures, and the needs of 30 and 300 students."""

    def both(times: list[float] | None) -> str:
        return "–" if times is None else f"{times[0]:.0f} ({times[1]:.0f})"

    heads = ["students", "server, s", "first figure, s", "finished, s", "longest cell, s"]
    heads += ["CPU seconds a student", "memory a student", "failures"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---:|" * len(heads)]
    for row in rows:
        lines.append(
            f"| {row['students']} | {both(row['server'])} | {both(row['figure'])} "
            f"| {both(row['finished'])} | {row['cell']:.0f} | {row['cpu']:.0f} "
            f"| {row['memory'] / 1000:.1f} GB | {len(row['failures'])} |"
        )
    note = "Median, and the slowest in brackets; of CPU seconds and memory, the greatest."
    pause = f"The mean pause before a cell is {think:g} s."
    lines += ["", f"{note} {pause} On {docs_table.machine()}.", ""]
    lines += ["| students | cores, on average | cores, all at once | memory |"]
    lines += ["|---:|---:|---:|---:|"]
    first = rows[0]
    for students in (30, 300):
        average, burst, memory = needs(
            students, first["cpu"], first["cell"], first["memory"]
        )
        lines.append(f"| {students} | {average:.1f} | {burst:.0f} | {memory:.0f} GB |")
    return "\n".join(lines) + "\n"


def needs(students: int, cpu: float, cell: float, memory: float) -> tuple:
    """The mean number of cores in a lesson; the cores with which the longest cell takes a
    minute if all students start it at once; memory in GB. From one student's figures."""
    return students * cpu / LESSON, students * cell / 60, students * memory / 1000


# --- faults -------------------------------------------------------------------------------

FAULTS = {
    "does nothing": "pass",
    "computes without end, on all cores": "import os, torch\n"
    "torch.set_num_threads(os.cpu_count())\n"
    "a = torch.randn(1000, 1000)\n"
    "while True: a @ a",
    "takes memory without end": "blocks = []\nwhile True: blocks.append(bytearray(2**28))",
    "crashes the kernel": "import os; os.abort()",
}


def faults(notebook: Path = NOTEBOOK) -> str:
    """One student's lesson, without pauses, beside each fault of another student."""
    lines = [
        "| another student | gets the error | first figure, s | trained, s | failure |"
    ]
    lines.append("|---|---|---:|---:|---|")
    for kind, code in FAULTS.items():
        result, error = lesson_beside(code, notebook)
        first, last = (f"{result.get(key, 0):.0f}" for key in ("figure", "finished"))
        lines.append(
            f"| {kind} | {error} | {first} | {last} | {result['failure'] or 'none'} |"
        )
    return "\n".join(lines) + f"\n\nOn {docs_table.machine()}.\n"


def lesson_beside(code: str, notebook: Path = NOTEBOOK) -> tuple[dict, str]:
    """A lesson while another student runs a cell.  -> its figures, the other's error"""
    with hub(["student", "other"], notebook) as running, ThreadPoolExecutor(1) as pool:
        session = log_in(running, "other")
        start_server(running, session, "other")
        with kernel(running, session, "other", notebook.name) as run:
            run("pass")
            cell = pool.submit(run, code)
            result = lesson(running, "student", notebook, until=TRAINED)
            endless = bool(wait([cell], timeout=30).not_done)  # memory is full in seconds
            if endless:
                interrupt(running, session, "other")
            error = cell.exception()
        name = str(error).split(":")[0] if error else "none"
        return result, f"none; {name} once interrupted" if endless else name


def interrupt(hub: Hub, session: requests.Session, name: str) -> None:
    """Interrupt the kernels of a user, as the interrupt button does."""
    api = f"{hub.url}/user/{name}/api/kernels"
    for running in session.get(api, timeout=60).json():
        session.post(f"{api}/{running['id']}/interrupt", timeout=60).raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--think", type=float, default=1.0, help="seconds before a cell")
    parser.add_argument("--faults", action="store_true", help="faults, instead of a class")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/hub.md"
    )
    arguments = parser.parse_args()
    if arguments.faults:
        name, text = "faults", faults()
    else:
        rows = [classroom(count, arguments.think) for count in arguments.students]
        name, text = "classroom", table(rows, arguments.think)
    print(text)
    if arguments.write:
        docs_table.write("hub.md", name, text)


if __name__ == "__main__":
    main()
