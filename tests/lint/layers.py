"""Includes run one way only, and each third-party library is known to its home alone: layers.py ROOT."""
import re
import sys

from sources import c_files, read, report

# Folder: the folders whose headers it may include, besides its own.
MAY_INCLUDE = {
    "base": set(),
    "policy": {"base"},
    "db": {"base", "policy"},
    "net": {"base"},
    "tls": {"base", "net"},
    "upstream": {"base", "policy", "net", "tls"},
    "sni-gate": {"base", "policy", "net", "tls", "upstream"},
    "resolver": {"base", "policy", "net", "tls"},
    "status": {"base", "policy", "net", "tls"},
}
EVERYTHING = set(MAY_INCLUDE) | {"app"}
MAY_INCLUDE["app"] = EVERYTHING
MAY_INCLUDE["bench"] = {"base"}
MAY_INCLUDE["tests"] = EVERYTHING | {"tests"}

# Header: the folders that may include it.
HOMES = [
    (re.compile(r"sqlite3.*\.h$"), {"db"}),
    (re.compile(r"ares.*\.h$"), {"net"}),
    (re.compile(r"ldns/"), {"resolver"}),
    (re.compile(r"openssl/"), {"tls"}),
    (re.compile(r"microhttpd\.h$"), {"status"}),
    (re.compile(r"uv\.h$|uv/"), {"net", "tls", "upstream", "resolver", "sni-gate", "status", "app"}),
    (re.compile(r"cmocka\.h$"), {"tests"}),
]
# libc, POSIX and Linux. Another library needs a row above, and so a decision where its home is.
SYSTEM = re.compile(r"(sys|linux|netinet|arpa|net|asm)/[a-z0-9_]+\.h$|[a-z0-9_]+\.h$")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def fault_of_include(path, quote, header):
    """A sentence, or None where all is well."""
    folder = path.split("/")[0]
    if quote == '"':
        owner = header.split("/")[0] if "/" in header else None
        if folder == "tests" and owner not in EVERYTHING:
            return None  # a helper beside the test, or of tests/support
        if owner is None:
            return "is named without its folder"
        if folder not in MAY_INCLUDE:
            return f"is included by {folder}/, which tests/lint/layers.py does not know"
        if owner != folder and owner not in MAY_INCLUDE[folder]:
            allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "nothing else"
            return f"is above or beside {folder}/, which may include {allowed}"
        return None
    for pattern, homes in HOMES:
        if pattern.match(header):
            if folder in homes or folder == "tests":
                return None
            return f"belongs to {', '.join(sorted(homes))} alone"
    return None if SYSTEM.match(header) else "is of a library that tests/lint/layers.py does not know"


def findings_in(root):
    for path in c_files(root):
        text = read(root, path)
        for match in INCLUDE.finditer(text):
            fault = fault_of_include(path, match.group(1), match.group(2))
            if fault is not None:
                line = text.count("\n", 0, match.start()) + 1
                yield f"{path}:{line}: {match.group(2)} {fault}"


report(list(findings_in(sys.argv[1])))
