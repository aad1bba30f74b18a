/* app/main.c - the pinhole command: finds the subcommand, prints its fault, chooses the exit code.
 */
#include "app/commands.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_FAULT = 1, EXIT_USAGE = 2 };

static const struct {
    const char *name;
    enum command command;
    int (*run)(const struct options *options, struct fault *fault);
    const char *summary;
} commands[] = {
    { "serve", COMMAND_SERVE, command_serve, "run the resolver and the gate" },
    { "init", COMMAND_INIT, command_init,
      "create or migrate the policy file, and say what it did" },
    { "check", COMMAND_CHECK, command_check,
      "compile every rule and say what became of it; exit 1 if one is invalid or refused" },
    { "explain", COMMAND_EXPLAIN, command_explain,
      "say what happens to a name, step by step: pinhole explain NAME[:PORT]" },
    { "pin", COMMAND_PIN, command_pin,
      "show a server's certificates and the SQL that pins them: pinhole pin NAME[:PORT]" },
    { "top", COMMAND_TOP, command_top,
      "show what a running pinhole does, once a second: what the status page has" },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
    printf("pinhole: egress policy by name\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("\npinhole %-10s %s\n", commands[i].name, commands[i].summary);
        options_print(commands[i].command);
    }
    printf("\nEach option that takes a value can be given as an environment variable: --dns-listen "
           "is\n"
           "PINHOLE_DNS_LISTEN, with commas between the elements of a list. An option beats its "
           "variable.\n");
}

static int print_fault(const struct fault *fault)
{
    char line[1024];
    struct text text = text_in(line, sizeof(line));
    fault_add_to(fault, &text);
    (void)fprintf(stderr, "pinhole: %s\n", line);
    return fault->is_usage ? EXIT_USAGE : EXIT_FAULT;
}

static int run_command(size_t index, char **arguments)
{
    struct fault fault = { 0 };
    struct options options;
    for (char **argument = arguments; *argument != NULL; argument++) {
        if (strcmp(*argument, "--help") == 0 || strcmp(*argument, "-h") == 0) {
            print_help();
            return 0;
        }
    }
    int status = -1;
    if (options_read(commands[index].command, arguments, &options, &fault))
        status = commands[index].run(&options, &fault);
    return status >= 0 ? status : print_fault(&fault);
}

int main(int argument_count, char **arguments)
{
    const char *name = argument_count > 1 ? arguments[1] : "--help";
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return run_command(i, arguments + 2);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return argument_count > 1 ? 0 : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("pinhole %s\n", PINHOLE_VERSION);
        return 0;
    }
    struct fault fault = { .is_usage = true };
    fault_what(&fault, "no such command");
    fault_where(&fault, "%s", name);
    fault_remedy(&fault, "pinhole --help lists them");
    return print_fault(&fault);
}
