"""Each header compiles alone: headers.py ROOT COMPILER [FLAG...]."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sources import c_files, report

FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def compile_alone(root, compiler, header):
    command = compiler + FLAGS + ["-I", root, "-I", os.path.join(root, "tests/support"), "-fsyntax-only", "-x", "c", "-"]
    run = subprocess.run(command, input=f'#include "{header}"\n', capture_output=True, text=True)
    return f"{header} does not compile alone:\n{run.stderr}" if run.returncode != 0 else None


root = sys.argv[1]
headers = [path for path in c_files(root) if path.endswith(".h")]
with ThreadPoolExecutor(os.cpu_count()) as pool:
    results = pool.map(lambda header: compile_alone(root, sys.argv[2:], header), headers)
report([result for result in results if result is not None])
