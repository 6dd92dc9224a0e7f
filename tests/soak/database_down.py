"""The long form of tests/rolling.py: the database is away for ten minutes each time, or for as many seconds as are asked for:
scripts/python tests/soak/database_down.py [SECONDS]."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import rolling

SECONDS = "600"

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[1:] or [SECONDS]
    rolling.main()
