"""Which files are the project's: what git knows or would add, or all but build/ where there is no git.

As a program it prints the C files, one a line.
"""
import os
import re
import subprocess
import sys


def project_files(root):
    """Paths relative to `root`, sorted."""
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, text=True)
    is_work_tree = os.path.exists(os.path.join(root, ".git"))
    if is_work_tree and listing.returncode == 0:
        found = [path for path in listing.stdout.split("\0") if path]
    else:
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(path for path in found if os.path.isfile(os.path.join(root, path)))


def c_files(root):
    return [path for path in project_files(root) if path.endswith((".c", ".h"))]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def without_comments_and_strings(text):
    """The code alone, with its line breaks, so that a match's line number holds."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.DOTALL)


def report(findings):
    """Prints what was found and ends the program: 1 if it was anything."""
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    print("\n".join(c_files(sys.argv[1] if len(sys.argv) > 1 else ".")))
