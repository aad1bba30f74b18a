/* app/command_init.c - pinhole init: creates or migrates the policy file, and says what it did. */
#include "app/commands.h"
#include "db/database.h"
#include "db/migrate.h"

#include <stdio.h>

int command_init(const struct options *options, struct fault *fault)
{
    struct migration_report report;
    struct database *database = database_open(options->db, DATABASE_CREATE, fault);
    bool is_migrated = database != NULL && database_migrate(database, &report, fault);
    database_close(database);
    if (!is_migrated)
        return -1;
    if (report.from_version == report.to_version)
        printf("%s is up to date (version %d)\n", options->db, report.to_version);
    else if (report.from_version == 0)
        printf("%s created (version %d); it has no rule yet, so everything is denied\n",
               options->db, report.to_version);
    else
        printf("%s migrated from version %d to %d\n", options->db, report.from_version,
               report.to_version);
    return 0;
}
