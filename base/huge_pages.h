/* base/huge_pages.h - large memory that is read here and there. */
#pragma once
#include <stddef.h>

/* `size` bytes for free(), on huge pages where these are large enough and the kernel has some: then
 * a read here or there seldom has to look up its page first. NULL when out of memory. */
void *huge_pages_allocate(size_t size);
