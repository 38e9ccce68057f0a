"""The patches that leave out a part of the protocol fit the source."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("patch", sorted(ROOT.glob("tests/protocol/left_out/*.patch")), ids=lambda it: it.stem)
def test_patch_applies(patch):
    subprocess.run(["git", "apply", "--check", patch], cwd=ROOT, check=True)
