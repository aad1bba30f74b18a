"""Functions that invite a mistake are not called: banned.py ROOT."""
import re
import sys

from sources import c_files, read, report, without_comments_and_strings

# Function: what to use.
INSTEAD = {
    "strcpy": "struct text or memcpy with a length",
    "stpcpy": "struct text or memcpy with a length",
    "strcat": "struct text",
    "strncpy": "struct text or memcpy with a length; it may leave out the final NUL",
    "strncat": "struct text",
    "sprintf": "struct text or snprintf",
    "vsprintf": "struct text or vsnprintf",
    "gets": "fgets",
    "strtok": "a loop over the separators",
    "alloca": "an array with a named limit, or malloc",
    "atoi": "a parser that reports what is no number",
    "atol": "a parser that reports what is no number",
    "atoll": "a parser that reports what is no number",
    "atof": "a parser that reports what is no number",
    "scanf": "a parser that reports what is no number",
    "sscanf": "a parser that reports what is no number",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "ctime": "strftime",
    "asctime": "strftime",
    "inet_ntoa": "address.h",
    "inet_addr": "address.h",
    "gethostbyname": "net/dns_channel.h",
    "getaddrinfo": "net/dns_channel.h; it blocks",
    "rand": "getrandom",
    "random": "getrandom",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "system": "nothing: no shell",
    "popen": "nothing: no shell",
    "sleep": "an awaited event",
    "usleep": "an awaited event",
    "nanosleep": "an awaited event",
    "setjmp": "a return value",
    "longjmp": "a return value",
}
CLIENTS = "tests/support/clients/"  # programs of the tests that look a name up as others do, and wait for it
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")


def findings_in(root):
    for path in c_files(root):
        code = without_comments_and_strings(read(root, path))
        for match in CALL.finditer(code):
            if match.group(1) == "getaddrinfo" and path.startswith(CLIENTS):
                continue
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {match.group(1)} is banned; use {INSTEAD[match.group(1)]}"


report(list(findings_in(sys.argv[1])))
