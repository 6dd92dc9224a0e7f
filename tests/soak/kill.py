"""The long form of tests/faults_kill.py: fifty kills, or as many as are asked for: scripts/python tests/soak/kill.py [KILLS]."""

import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenes"))
from killing import rounds
from scene import Scene

KILLS = 50


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    with Scene("soak_kill") as scene:
        rounds(scene, kills, int(os.environ.get("DATAUX_TEST_SEED") or random.randrange(1 << 32)))


if __name__ == "__main__":
    main()
