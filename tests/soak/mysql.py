"""What is tried with MariaDB, with MySQL: the connector's own tests, the suite of metadata, and the scenes that need a server.

MySQL is not among Debian's stable packages, so scripts/mysql takes it from the unstable ones. These change at any time, which is why
this is no part of `make test`: what changes there must not turn a change of ours red.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenes"))
from scene import ROOT, Scene

PYTHON = ROOT / "scripts" / "python"
# All tests whose names say that they are of MySQL, and the scenes.
COMMANDS = {
    "unit tests": ["cargo", "test", "--workspace", "--lib", "mysql", "--", "--include-ignored"],
    **{name: [PYTHON, ROOT / "tests" / f"{name}.py"] for name in ("live_databases", "faults_databases", "replicas")},
}
SECONDS_MAX = 3600


def main():
    if sys.argv[1:] != ["beside"]:
        os.execv(ROOT / "scripts" / "mysql", [str(part) for part in (ROOT / "scripts" / "mysql", PYTHON, __file__, "beside")])
    with Scene("soak_mysql") as scene:
        for name, command in COMMANDS.items():
            done = subprocess.run(command, cwd=ROOT, timeout=SECONDS_MAX)
            scene.check(f"{name} with MySQL", done.returncode == 0, f"it ended with {done.returncode}")


if __name__ == "__main__":
    main()
