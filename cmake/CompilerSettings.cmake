# Warnings are errors, and every binary is hardened, in each build type.
add_compile_options(
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough -Werror
    -fstack-protector-strong -fno-common -fvisibility=hidden)
add_compile_definitions(_GNU_SOURCE)
# Assertions stay in every build: where an invariant is broken, the process must end rather than go on deciding.
add_compile_options(-UNDEBUG)
include_directories(${CMAKE_SOURCE_DIR})

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)

if(PINHOLE_SANITIZERS)
    add_compile_options(-fsanitize=${PINHOLE_SANITIZERS} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${PINHOLE_SANITIZERS})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    # Needs an optimising build, and would hide what the sanitizers look for.
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(PINHOLE_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link) # coverage in the parsers, without libFuzzer's main
endif()
