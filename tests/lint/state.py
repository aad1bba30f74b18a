"""No mutable state outside of an object that someone owns: state.py ROOT BUILD.

Reads the object files, so a static inside a function is found as well as one at file scope.
"""
import os
import re
import subprocess
import sys

from sources import report

# A writable section, but not .data.rel.ro, which holds constants with addresses in them.
SYMBOL = re.compile(r"^[0-9a-f]+ .{5}[^d][O ] (\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)\S*\s+[0-9a-f]+\s+"
                    r"(?:\.hidden )?(\S+)$")
NOT_OURS = ("build", "tests", "bench", "CMakeFiles")


def object_files(root, build):
    """Pairs of a source's path and its object's; objects whose source is gone are left out."""
    for folder, folders, names in os.walk(build):
        if folder == build:
            folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in names:
            path = os.path.join(folder, name)
            source = re.sub(r"CMakeFiles/[^/]+\.dir/", "", os.path.relpath(path, build))[:-2]
            if name.endswith(".c.o") and os.path.exists(os.path.join(root, source)):
                yield source, path


def findings_in(root, build):
    objects = sorted(object_files(root, build))
    if not objects:
        yield f"{build} holds no object file: build first"
    for source, path in objects:
        listing = subprocess.run(["objdump", "--syms", path], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            match = SYMBOL.match(line.replace("\t", " "))
            if match:
                name = re.sub(r"\.\d+$", "", match.group(2))
                yield f"{source}: {name} is mutable state: put it into a struct, or make it const throughout"


report(list(findings_in(sys.argv[1], sys.argv[2])))
