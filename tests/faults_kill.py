"""kill -9 at random moments of collecting runs: after restart the tables equal their sources exactly. tests/soak/kill.py does it longer."""

import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from killing import rounds
from scene import Scene

# The soak kills 50 times.
KILLS = 6


def main():
    with Scene("faults_kill") as scene:
        rounds(scene, KILLS, int(os.environ.get("DATAUX_TEST_SEED") or random.randrange(1 << 32)))


if __name__ == "__main__":
    main()
