/* base/huge_pages.c - large memory that is read here and there. */
#include "base/huge_pages.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE_BYTES = 1 << 21 }; /* of x86-64 and of aarch64; elsewhere it does no harm */

void *huge_pages_allocate(size_t size)
{
    void *memory = NULL;
    if (size < HUGE_PAGE_BYTES)
        return malloc(size);
    if (posix_memalign(&memory, HUGE_PAGE_BYTES, size) != 0)
        return NULL;
    /* Not the part of a page at the end, which would grow to a whole one. */
    (void)madvise(memory, size - size % HUGE_PAGE_BYTES,
                  MADV_HUGEPAGE); /* else it serves as it is */
    return memory;
}
