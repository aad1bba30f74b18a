"""Each lint finds what it is there to find, and lets the same thing done well pass."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

# Name of the case, script, file in an otherwise empty tree, its text, and what is said of it ("" for nothing).
CASES = [
    ("an include downwards", "layers", "policy/rule.c", '#include "base/text.h"\n', ""),
    ("an include upwards", "layers", "base/text.c", '#include "policy/rule.h"\n', "base/text.c:1: policy/rule.h is above"),
    ("an include of a sibling", "layers", "resolver/a.c", '#include "sni-gate/gate.h"\n', "is above or beside resolver/"),
    ("a spaced include", "layers", "net/a.c", '\n # include "db/db.h"\n', "net/a.c:2: db/db.h is above"),
    ("an include without a folder", "layers", "base/a.c", '#include "text.h"\n', "is named without its folder"),
    ("an unknown folder", "layers", "extra/a.c", '#include "base/text.h"\n', "does not know"),
    ("everything in app", "layers", "app/main.c", '#include "db/db.h"\n#include "resolver/query.h"\n', ""),
    ("SQLite at home", "layers", "db/db.c", "#include <sqlite3.h>\n", ""),
    ("SQLite in app", "layers", "app/main.c", "#include <sqlite3.h>\n", "sqlite3.h belongs to db alone"),
    ("c-ares in upstream", "layers", "upstream/a.c", "#include <ares.h>\n", "ares.h belongs to net alone"),
    ("ldns in sni-gate", "layers", "sni-gate/a.c", "#include <ldns/ldns.h>\n", "belongs to resolver alone"),
    ("OpenSSL in net", "layers", "net/a.c", "#include <openssl/ssl.h>\n", "belongs to tls alone"),
    ("libuv in policy", "layers", "policy/a.c", "#include <uv.h>\n", "uv.h belongs to"),
    ("an unknown library", "layers", "base/a.c", "#include <curl/curl.h>\n", "of a library that"),
    ("libc and Linux", "layers", "base/a.c", "#include <stdint.h>\n#include <sys/socket.h>\n", ""),
    ("a banned call", "banned", "base/a.c", "int x;\n    strcpy(a, b);\n", "base/a.c:2: strcpy is banned"),
    ("a banned name in a comment", "banned", "base/a.c", "/* never strcpy() */\n", ""),
    ("a banned name in a string", "banned", "base/a.c", 'puts("use sleep(1)");\n', ""),
    ("a look-up that blocks", "banned", "app/a.c", "getaddrinfo(a, b, c, d);\n", "getaddrinfo is banned"),
    ("a client's look-up", "banned", "tests/support/clients/a.c", "getaddrinfo(a, b, c, d);\n", ""),
    ("a longer name", "banned", "base/a.c", "my_strcpy(a, b); text_gets(c); a->system(1);\n", ""),
    ("a file of 600 lines", "size", "base/a.c", "\n" * 600, ""),
    ("a file of 601 lines", "size", "base/a.c", "\n" * 601, "601 lines"),
    ("a path on one machine", "traces", "docs/a.md", "see /wo" + "rk/main\n", "docs/a.md:1"),
    ("a path that ends alike", "traces", "docs/a.md", "see build/ro" + "ot/x\n", ""),
]

# The same for functions and variables, which are looked at in a compiled tree.
NESTED = "int f(int a);\nint f(int a)\n{\n    %s\n}\n"
COMPILED_CASES = [
    ("a function of 60 lines", "size", NESTED % ("a++;\n" * 58 + "return a;"), ""),
    ("a function of 70 lines", "size", NESTED % ("a++;\n" * 70 + "return a;"), "function 'f' exceeds"),
    ("three levels", "size", NESTED % "if (a) { if (a > 1) { if (a > 2) { a = 5; } } }\nreturn a;", ""),
    ("four levels", "size", NESTED % "if (a) { if (a > 1) { if (a > 2) { if (a > 3) { a = 5; } } } }\nreturn a;",
     "function 'f' exceeds"),
    ("constants", "state", "extern const char *const names[];\nconst char *const names[] = { \"a\" };\n"
     "int f(void);\nint f(void)\n{\n    static const int x[] = { 1, 2 };\n    return x[names[0][0] % 2];\n}\n", ""),
    ("a variable at file scope", "state", "static int count;\nint f(void);\nint f(void)\n{\n    return ++count;\n}\n",
     "base/a.c: count is mutable state"),
    ("a variable with a value", "state", "extern int level;\nint level = 3;\n", "base/a.c: level is mutable state"),
    ("a static in a function", "state", "int f(void);\nint f(void)\n{\n    static int count;\n    return ++count;\n}\n",
     "base/a.c: count is mutable state"),
    ("a thread's variable", "state", "extern _Thread_local int mine;\n_Thread_local int mine;\n", "mine is mutable state"),
    ("pointers that can be moved", "state", "extern const char *names[];\nconst char *names[] = { \"a\" };\n",
     "names is mutable state"),
]


def write(root, path, text):
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as file:
        file.write(text)


def run_lint(script, *arguments):
    return subprocess.run([sys.executable, os.path.join(HERE, script + ".py"), *arguments], capture_output=True, text=True)


class Lint(unittest.TestCase):
    def check(self, run, expected):
        if expected:
            self.assertEqual(run.returncode, 1, run)
            self.assertIn(expected, run.stdout)
        else:
            self.assertEqual((run.returncode, run.stdout), (0, ""), run.stderr)

    def test_sources(self):
        for name, script, path, text, expected in CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                write(root, path, text)
                self.check(run_lint(script, root), expected)

    def test_compiled(self):
        with open(os.path.join(HERE, "../../.clang-tidy"), encoding="utf-8") as file:
            limits = file.read()
        for name, script, text, expected in COMPILED_CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                root = os.path.realpath(root)
                source, build = os.path.join(root, "base/a.c"), os.path.join(root, "build")
                built = os.path.join(build, "base/CMakeFiles/base.dir/a.c.o")
                write(root, ".clang-tidy", limits)
                write(root, "base/a.c", text)
                write(root, "build/compile_commands.json",
                      f'[{{"directory": "{root}", "file": "{source}", "command": "cc -std=c17 -c {source}"}}]')
                os.makedirs(os.path.dirname(built))
                subprocess.run(["cc", "-std=c17", "-fPIE", "-O2", "-c", source, "-o", built], check=True)
                self.check(run_lint(script, root, build), expected)

    def test_headers(self):
        for name, text, expected in [("complete", "#include <stdint.h>\nuint8_t f(void);\n", ""),
                                     ("leans on another", "uint8_t f(void);\n", "base/a.h does not compile alone")]:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                write(root, "base/a.h", "#pragma once\n" + text)
                self.check(run_lint("headers", root, "cc"), expected)


if __name__ == "__main__":
    unittest.main()
