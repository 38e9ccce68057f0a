"""Writes the archive of a release: what `sam deploy` needs to deploy the function without building it.

`make release` runs it. Arguments: the archive's name, the processor, the built program, and the file with the licenses
of its crates. The archive's bytes depend only on what is in it.
"""

import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).parents[2]
FILES = ["samconfig.toml", "notifications.asl.json", "CHANGELOG.md", "LICENSE"]


def packed(files):
    """A zip archive of contents by name. The programs in it can be executed."""
    archive = BytesIO()
    with ZipFile(archive, "w") as opened:
        for name, content in sorted(files.items()):
            # The earliest time that the format knows.
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the next line counts.
            entry.external_attr = (0o100755 if name == "bootstrap" else 0o100644) << 16
            opened.writestr(entry, content, compresslevel=9)
    return archive.getvalue()


def without_build(template, architecture):
    """The template with the built function, whose processor is no parameter."""
    for part, replacement in (
        ("      CodeUri: .\n", "      CodeUri: function.zip\n"),
        ("      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: create-meeting\n", ""),
        ("[Architecture, MemorySize", "[MemorySize"),
        ("[!Ref Architecture]", f"[{architecture}]"),
        (template[template.index("  Architecture:\n") : template.index("  MemorySize:\n")], ""),
    ):
        assert template.count(part) == 1, part
        template = template.replace(part, replacement)
    return template


def main(name, architecture, program, notices):
    files = {file: (ROOT / file).read_bytes() for file in FILES}
    for path in (ROOT / "clients").rglob("*.js*"):
        files[str(path.relative_to(ROOT))] = path.read_bytes()
    files["smoke.py"] = (ROOT / "tests/make/smoke.py").read_bytes()
    files["NOTICES"] = Path(notices).read_bytes()
    files["template.yaml"] = without_build((ROOT / "template.yaml").read_text(), architecture).encode()
    files["function.zip"] = packed({"bootstrap": Path(program).read_bytes()})
    folder = Path(name).stem
    Path(name).write_bytes(packed({f"{folder}/{file}": content for file, content in files.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
