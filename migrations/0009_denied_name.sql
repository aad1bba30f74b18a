-- 0009 denied_name: what clients asked for and were not given. Written by Pinhole some seconds later, in small steps; read
-- by people, who may delete rows to forget them. Nothing in here is policy until somebody makes rules of it:
--
--     INSERT OR IGNORE INTO rule (target) SELECT target FROM denied_name WHERE "count" > 3 AND reason = 'no_rule';
--
-- or, each group its own:
--
--     INSERT OR IGNORE INTO rule (target, clients)
--     SELECT target, client_group FROM denied_name WHERE client_group = 'build' AND reason = 'no_rule';
--
-- A target is always one plain host name, with its port where that is not 443, and always one that rule takes. Whatever
-- else was asked for (wildcards, addresses, odd bytes) is counted in the log, without its bytes.
--
-- A group has at most 1,000 rows. When they are full, a new name takes the place of the group's least counted one, and only
-- if it was lately asked for more often than that, or if that was not asked for in a day.
CREATE TABLE denied_name (
    target       TEXT    NOT NULL,              -- api.example.com, api.example.com:8443
    client_group TEXT    NOT NULL,              -- that of the client's longest matching network, else 'any'
    "count"      INTEGER NOT NULL,              -- of questions and connections, since the row is there
    reason       TEXT    NOT NULL,              -- why the last of them was denied: no_rule, other_port, deny_rule, parent
    first_seen   INTEGER NOT NULL,              -- Unix seconds
    last_seen    INTEGER NOT NULL,
    PRIMARY KEY (client_group, target),
    CONSTRAINT denied_name_target_is_a_plain_name CHECK (length(target) BETWEEN 1 AND 259
        AND target NOT GLOB '*[^a-z0-9._:-]*' AND target NOT GLOB '[.:-]*' AND target NOT GLOB '*:*:*'),
    CONSTRAINT denied_name_count_is_a_number_of_times CHECK ("count" BETWEEN 1 AND 9007199254740992)
) STRICT, WITHOUT ROWID;

-- A row whose group is gone could not become a rule.
CREATE TRIGGER client_group_delete_takes_denied_names AFTER DELETE ON client_group BEGIN
    DELETE FROM denied_name WHERE client_group = OLD.name;
END;
