# The libraries outside libc. docs/dependencies.md says why each was chosen, and which folder is its home.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.40)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares>=1.17)
pkg_check_modules(LDNS REQUIRED IMPORTED_TARGET ldns>=1.7)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.71)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
