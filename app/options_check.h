/* app/options_check.h - options that only make sense together. For app/options.c. */
#pragma once
#include "app/options.h"

/* A mistake on the command line; returns false. */
bool options_fault(struct fault *fault, const char *what, const char *where, const char *remedy);

/* False with a usage fault where what was given does not fit together. */
bool options_check(enum command command, const struct options *options, struct fault *fault);
