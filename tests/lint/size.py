"""Functions of 60 lines and 3 levels at most, files of 600 lines: size.py ROOT BUILD.

clang-tidy counts the functions (.clang-tidy has the limits), with the commands of BUILD/compile_commands.json.
"""
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sources import c_files, read, report

FILE_LINES_MAX = 600


def long_files(root):
    for path in c_files(root):
        lines = read(root, path).count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}: {lines} lines; the limit is {FILE_LINES_MAX}"


def tidy(root, build, source):
    """What clang-tidy says on one source and the headers it includes, as paths relative to `root`."""
    run = subprocess.run(["clang-tidy", "--quiet", "-p", build, source], capture_output=True, text=True)
    said = re.findall(r"^.*: (?:warning|error|note): .*$", run.stdout, re.MULTILINE)
    if run.returncode != 0 and not said:
        said = [f"{source}: clang-tidy failed: {run.stderr.strip()}"]
    return [line.replace(root + os.sep, "") for line in said]


def long_functions(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        sources = [command["file"] for command in json.load(file)]
    own = {os.path.join(root, path) for path in c_files(root)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(lambda source: tidy(root, build, source), sorted(own & set(sources))):
            yield from lines


root = os.path.realpath(sys.argv[1])
findings = list(long_files(root))
if len(sys.argv) > 2:
    findings += dict.fromkeys(long_functions(root, sys.argv[2]))
report(findings)
