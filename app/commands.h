/* app/commands.h - the subcommands. Each returns the exit code, or -1 with a fault for main to
 * print. */
#pragma once
#include "app/options.h"

int command_serve(const struct options *options, struct fault *fault);
int command_init(const struct options *options, struct fault *fault);
int command_check(const struct options *options, struct fault *fault);
int command_explain(const struct options *options, struct fault *fault);
int command_pin(const struct options *options, struct fault *fault);
int command_top(const struct options *options, struct fault *fault);
