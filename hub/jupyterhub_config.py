"""JupyterHub for a class on one Linux server, where systemd limits each student.

    sudo .venv/bin/jupyterhub -f hub/jupyterhub_config.py

It listens on this machine only, and admits only the users listed in hub/students.txt.
docs/hub.md explains how to set it up, and the limits.
"""

from pathlib import Path

c = get_config()  # noqa: F821, JupyterHub provides it

COURSE = Path(__file__).resolve().parents[1]
STUDENTS = COURSE / "hub" / "students.txt"  # an account of this machine on each line
STATE = COURSE / "hub" / "state"
STATE.mkdir(mode=0o700, exist_ok=True)  # logins and tokens: only the hub may read them
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")

# --- users ----------------------------------------------------------------------------

c.JupyterHub.authenticator_class = "pam"  # the password of the account, which must exist
c.Authenticator.allow_all = False
c.Authenticator.allowed_users = (
    set(STUDENTS.read_text("utf-8").split()) if STUDENTS.is_file() else set()
)
c.Authenticator.allow_existing_users = False  # else removed users would still be admitted

# Passwords must not be sent in clear text: a web server with TLS must be in front of this.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

# --- one server per student -----------------------------------------------------------

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
    # Idle kernels and servers end, and free their memory.
    "--ServerApp.shutdown_no_activity_timeout=3600",
    "--MappingKernelManager.cull_idle_timeout=3600",
]

# --- limits of each server ------------------------------------------------------------

c.Spawner.mem_limit = "4G"  # two open notebooks; a limit, not a reservation
c.Spawner.cpu_limit = 2
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.isolate_devices = True
c.SystemdSpawner.disable_user_sudo = True
c.SystemdSpawner.unit_extra_properties = {
    "MemorySwapMax": "0",  # at the limit a kernel is killed; it does not swap
    "TasksMax": "256",  # processes and threads
    "UMask": "0077",  # other students cannot read a student's files
}

# --- one copy of the course for all ---------------------------------------------------

c.SystemdSpawner.readonly_paths = [str(COURSE)]
c.Spawner.environment = {
    # By default torch starts a thread for each core, and thirty students would compete.
    "OMP_NUM_THREADS": "1",
}
