"""JupyterHub for a class on one Linux server, whose systemd holds each student to a limit.

    sudo .venv/bin/jupyterhub -f hub/jupyterhub_config.py

Runs as it stands, on this machine only, and lets in nobody but those that hub/students.txt
names. How to set it up, and what each limit holds: docs/hub.md.
"""

from pathlib import Path

c = get_config()  # noqa: F821, JupyterHub provides it

COURSE = Path(__file__).resolve().parents[1]
STUDENTS = COURSE / "hub" / "students.txt"  # one account of this machine a line
STATE = COURSE / "hub" / "state"
STATE.mkdir(mode=0o700, exist_ok=True)  # logins and tokens: for the hub's eyes only
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")

# --- who gets in ----------------------------------------------------------------------

c.JupyterHub.authenticator_class = "pam"  # the password of the account, which must exist
c.Authenticator.allow_all = False
c.Authenticator.allowed_users = (
    set(STUDENTS.read_text("utf-8").split()) if STUDENTS.is_file() else set()
)
c.Authenticator.allow_existing_users = False  # else a name crossed out would still get in

# Passwords must not cross the network in clear: a web server with TLS stands before this.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

# --- one server a student -------------------------------------------------------------

c.JupyterHub.spawner_class = "systemd"
c.JupyterHub.allow_named_servers = False
c.JupyterHub.cleanup_servers = False  # a restart of the hub interrupts nobody
c.Spawner.cmd = [str(COURSE / ".venv" / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120  # thirty servers at once are slow to start
c.Spawner.http_timeout = 120
c.Spawner.args = [
    # On a TCP port every account of the machine could read what a kernel prints.
    "--KernelManager.transport=ipc",
    # Who has left gives the memory back.
    "--ServerApp.shutdown_no_activity_timeout=3600",
    "--MappingKernelManager.cull_idle_timeout=3600",
]

# --- in limits of its own -------------------------------------------------------------

c.Spawner.mem_limit = "4G"  # two open notebooks; nothing is set aside for who needs less
c.Spawner.cpu_limit = 2
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.isolate_devices = True
c.SystemdSpawner.disable_user_sudo = True
c.SystemdSpawner.unit_extra_properties = {
    "MemorySwapMax": "0",  # at the limit a kernel ends, instead of making the disk busy
    "TasksMax": "256",  # processes and threads
    "UMask": "0077",  # what a student writes, other students cannot read
}

# --- the course, once for all ---------------------------------------------------------

c.SystemdSpawner.readonly_paths = [str(COURSE)]
c.Spawner.environment = {
    # torch would start a thread for each core of the machine, and thirty students' threads
    # would wait for each other.
    "OMP_NUM_THREADS": "1",
}
