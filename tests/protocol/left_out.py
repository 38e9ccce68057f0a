"""Leaves out each part of the protocol, in a copy of the source, and expects the exploration to find it.

The first line of a patch names a scenario, and the property that does not hold in it then.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATCHES = sorted((ROOT / "tests/protocol/left_out").glob("*.patch"))


def copy_source(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in files.stdout.splitlines():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def is_found(patch: Path, copy: Path) -> bool:
    scenario, expected = patch.read_text().splitlines()[0].split(": ")
    subprocess.run(["git", "apply", patch], cwd=copy, check=True)
    command = ["cargo", "run", "--quiet", "--locked", "--package", "protocol", "--", scenario]
    explored = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    subprocess.run(["git", "apply", "--reverse", patch], cwd=copy, check=True)
    found = f"It does not hold that {expected}" in explored.stderr
    print(f"{patch.stem}: {expected if found else explored.stdout + explored.stderr}", flush=True)
    return found


def main() -> None:
    target = Path(os.environ.setdefault("CARGO_TARGET_DIR", str(ROOT / "target")))
    copy = target / "left_out"
    copy_source(copy)
    # Without a repository of its own, git would look for the files of this one.
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    found = [is_found(patch, copy) for patch in PATCHES]
    sys.exit(0 if found and all(found) else "the exploration does not find everything that is left out")


main()
