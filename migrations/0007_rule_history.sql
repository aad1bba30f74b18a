-- 0007 rule_history: every change of the policy, with the row before it and after it, and a way back. Written by triggers;
-- Pinhole takes old entries away, as the settings history_days and history_rows say. Times are Unix seconds, UTC.
CREATE TABLE rule_history (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,   -- in the order of the changes, whatever the clock did
    changed_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
    "table"    TEXT    NOT NULL,                    -- 'rule', 'client_group', 'client_network', 'provider' or 'setting'
    "key"      ANY     NOT NULL,                    -- id or name; of a network the group's name, a space, and the cidr
    old        TEXT,                                -- the row as a JSON object; NULL: there was none
    new        TEXT                                 -- the same after the change; NULL: there is none
) STRICT;

-- How much of it is kept.
DROP TRIGGER explain_setting_insert;
CREATE TRIGGER explain_setting_insert INSTEAD OF INSERT ON explain_setting BEGIN
    SELECT CASE
        WHEN NEW.name IN ('answer_ttl', 'negative_ttl') THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 5 OR CAST(NEW.value AS INTEGER) > 86400 THEN
                RAISE(ABORT, 'answer_ttl and negative_ttl are seconds: type a whole number from 0 to 86400') END
        WHEN NEW.name = 'deny_answer' THEN
            CASE WHEN NEW.value NOT IN ('nxdomain', 'refused') THEN
                RAISE(ABORT, 'deny_answer is not known: type ''nxdomain'' or ''refused''') END
        WHEN NEW.name = 'allowed_private_networks' THEN
            CASE WHEN NEW.value GLOB '*[^0-9A-Fa-f.:/, ]*' OR NEW.value GLOB '*,'
                      OR ',' || replace(NEW.value, ' ', '') GLOB '*,,*' OR NEW.value <> '' AND trim(NEW.value) = '' THEN
                RAISE(ABORT, 'allowed_private_networks is a list of networks: type them with commas between, as in ''10.0.0.0/8, fd00::/8'', or '''' for none') END
        WHEN NEW.name = 'history_days' THEN
            CASE WHEN NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 5 OR CAST(NEW.value AS INTEGER) NOT BETWEEN 1 AND 36500 THEN
                RAISE(ABORT, 'history_days is how long rule_history goes back: type a whole number from 1 to 36500') END
        WHEN NEW.name = 'history_rows' THEN
            CASE WHEN NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 8 OR CAST(NEW.value AS INTEGER) NOT BETWEEN 1 AND 10000000 THEN
                RAISE(ABORT, 'history_rows is how many rows rule_history keeps: type a whole number from 1 to 10000000') END
        ELSE
            RAISE(ABORT, 'there is no such setting: the settings are answer_ttl, negative_ttl, deny_answer, allowed_private_networks, history_days and history_rows')
    END;
END;
CREATE TRIGGER setting_delete_explains_history BEFORE DELETE ON setting BEGIN
    SELECT CASE OLD.name
        WHEN 'history_days' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''90'' WHERE name = ''history_days''')
        WHEN 'history_rows' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''100000'' WHERE name = ''history_rows''')
    END;
END;

-- SQLite before 3.41 takes JSON functions in views for unsafe, and Pinhole's own connection refuses those: so it can't set
-- off the triggers below, and a migration writes what they would. These first entries tell since when the history is whole.
INSERT INTO setting (name, value) VALUES
    ('history_days', '90'),            -- days that rule_history goes back
    ('history_rows', '100000');        -- rows that rule_history keeps at most
INSERT INTO rule_history ("table", "key", new) VALUES
    ('setting', 'history_days', '{"name":"history_days","value":"90"}'),
    ('setting', 'history_rows', '{"name":"history_rows","value":"100000"}');

-- The rows as the history keeps them. Without updated_at, which says when a row was written, by a way back too. A migration
-- that adds a column names it here, in the UPDATE triggers of a rule, and in restore_before_entry below.
CREATE VIEW rule_row (id, target, clients, row) AS
    SELECT id, target, clients, json_object('id', id, 'target', target, 'action', action, 'enabled', enabled,
           'expires_at', expires_at, 'comment', comment, 'created_at', created_at, 'clients', clients, 'widen', widen)
      FROM rule;
CREATE VIEW client_group_row (name, id, row) AS
    SELECT name, id, json_object('id', id, 'name', name, 'comment', comment) FROM client_group;
CREATE VIEW client_network_row ("key", row) AS
    SELECT client_group || ' ' || cidr, json_object('client_group', client_group, 'cidr', cidr) FROM client_network;
CREATE VIEW provider_row (name, row) AS
    SELECT name, json_object(
           'name', name, 'path_style', path_style, 'virtual_host', virtual_host, 'placeholders', placeholders,
           'bucket_min', bucket_min, 'bucket_max', bucket_max, 'bucket_max_dotted', bucket_max_dotted,
           'bucket_dots', bucket_dots, 'bucket_underscores', bucket_underscores, 'bucket_capitals', bucket_capitals,
           'bucket_like', bucket_like, 'bucket_never', bucket_never, 'bucket_elsewhere', bucket_elsewhere,
           'bucket_dotted', bucket_dotted, 'not_buckets', not_buckets, 'bare_host', bare_host,
           'host_allows', host_allows, 'note', note, 'clients', clients)
      FROM provider;
CREATE VIEW setting_row (name, row) AS
    SELECT name, json_object('name', name, 'value', value) FROM setting;

-- What the change at hand may alter or take away, as it was before. REPLACE and UPDATE OR REPLACE take rows away without a
-- delete trigger, so only a BEFORE trigger still sees them; OR IGNORE may drop the change after that, so only an AFTER
-- trigger knows that it was made. What a dropped change leaves here is forgotten at the next one.
CREATE TABLE rule_history_before (
    "table" TEXT NOT NULL,
    "key"   ANY  NOT NULL,
    row     TEXT NOT NULL
) STRICT;

-- Rules. REPLACE turns a NULL into the column's default.
CREATE TRIGGER rule_insert_remembers BEFORE INSERT ON rule BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'rule';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'rule', id, row FROM rule_row WHERE id = NEW.id OR target = NEW.target AND clients = coalesce(NEW.clients, 'any');
END;
CREATE TRIGGER rule_insert_keeps AFTER INSERT ON rule BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'rule', "key", row FROM rule_history_before WHERE "table" = 'rule' AND "key" <> NEW.id;
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'rule', id, (SELECT row FROM rule_history_before WHERE "table" = 'rule' AND "key" = NEW.id), row
      FROM rule_row WHERE id = NEW.id;
END;
CREATE TRIGGER rule_update_remembers
BEFORE UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen ON rule BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'rule';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'rule', id, row FROM rule_row
     WHERE id IN (OLD.id, NEW.id) OR target = NEW.target AND clients = coalesce(NEW.clients, 'any');
END;
CREATE TRIGGER rule_update_keeps
AFTER UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen ON rule BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'rule', "key", before.row, now.row FROM rule_history_before AS before LEFT JOIN rule_row AS now ON id = "key"
     WHERE "table" = 'rule' AND before.row IS NOT now.row;
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'rule', id, row FROM rule_row
     WHERE id = NEW.id AND id NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'rule');
END;
-- Where recursive triggers are on, this runs for replaced rows too, and they are not to be told of twice.
CREATE TRIGGER rule_delete_keeps BEFORE DELETE ON rule BEGIN
    INSERT INTO rule_history ("table", "key", old) SELECT 'rule', id, row FROM rule_row WHERE id = OLD.id;
    DELETE FROM rule_history_before WHERE "table" = 'rule' AND "key" = OLD.id;
END;

-- Groups. Their id and name stay, so an UPDATE replaces no other.
CREATE TRIGGER client_group_insert_remembers BEFORE INSERT ON client_group BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'client_group';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'client_group', name, row FROM client_group_row WHERE id = NEW.id OR name = NEW.name;
END;
CREATE TRIGGER client_group_insert_keeps AFTER INSERT ON client_group BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'client_group', "key", row FROM rule_history_before WHERE "table" = 'client_group' AND "key" <> NEW.name;
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'client_group', name, (SELECT row FROM rule_history_before WHERE "table" = 'client_group' AND "key" = NEW.name), row
      FROM client_group_row WHERE name = NEW.name;
END;
CREATE TRIGGER client_group_update_remembers BEFORE UPDATE ON client_group BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'client_group';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'client_group', name, row FROM client_group_row WHERE name = OLD.name;
END;
CREATE TRIGGER client_group_update_keeps AFTER UPDATE ON client_group BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'client_group', "key", before.row, now.row FROM rule_history_before AS before JOIN client_group_row AS now ON name = "key"
     WHERE "table" = 'client_group' AND before.row IS NOT now.row;
END;
CREATE TRIGGER client_group_delete_keeps BEFORE DELETE ON client_group BEGIN
    INSERT INTO rule_history ("table", "key", old) SELECT 'client_group', name, row FROM client_group_row WHERE name = OLD.name;
    DELETE FROM rule_history_before WHERE "table" = 'client_group' AND "key" = OLD.name;
END;

-- Networks. A row is nothing but its key, so one that is replaced is the same as before.
CREATE TRIGGER client_network_insert_remembers BEFORE INSERT ON client_network BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'client_network';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'client_network', "key", row FROM client_network_row WHERE "key" = NEW.client_group || ' ' || NEW.cidr;
END;
CREATE TRIGGER client_network_insert_keeps AFTER INSERT ON client_network BEGIN
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'client_network', "key", row FROM client_network_row
     WHERE "key" = NEW.client_group || ' ' || NEW.cidr
       AND "key" NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'client_network');
END;
CREATE TRIGGER client_network_update_remembers BEFORE UPDATE ON client_network BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'client_network';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'client_network', "key", row FROM client_network_row
     WHERE "key" IN (OLD.client_group || ' ' || OLD.cidr, NEW.client_group || ' ' || NEW.cidr);
END;
CREATE TRIGGER client_network_update_keeps AFTER UPDATE ON client_network BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'client_network', "key", row FROM rule_history_before
     WHERE "table" = 'client_network' AND "key" NOT IN (SELECT "key" FROM client_network_row);
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'client_network', "key", row FROM client_network_row
     WHERE "key" = NEW.client_group || ' ' || NEW.cidr
       AND "key" NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'client_network');
END;
CREATE TRIGGER client_network_delete_keeps BEFORE DELETE ON client_network BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'client_network', "key", row FROM client_network_row WHERE "key" = OLD.client_group || ' ' || OLD.cidr;
    DELETE FROM rule_history_before WHERE "table" = 'client_network' AND "key" = OLD.client_group || ' ' || OLD.cidr;
END;

-- Providers.
CREATE TRIGGER provider_insert_remembers BEFORE INSERT ON provider BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'provider';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'provider', name, row FROM provider_row WHERE name = NEW.name;
END;
CREATE TRIGGER provider_insert_keeps AFTER INSERT ON provider BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'provider', name, before.row, now.row FROM provider_row AS now
      LEFT JOIN rule_history_before AS before ON "table" = 'provider' AND "key" = name
     WHERE name = NEW.name AND before.row IS NOT now.row;
END;
CREATE TRIGGER provider_update_remembers BEFORE UPDATE ON provider BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'provider';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'provider', name, row FROM provider_row WHERE name IN (OLD.name, NEW.name);
END;
CREATE TRIGGER provider_update_keeps AFTER UPDATE ON provider BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'provider', "key", before.row, now.row FROM rule_history_before AS before LEFT JOIN provider_row AS now ON name = "key"
     WHERE "table" = 'provider' AND before.row IS NOT now.row;
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'provider', name, row FROM provider_row
     WHERE name = NEW.name AND name NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'provider');
END;
CREATE TRIGGER provider_delete_keeps BEFORE DELETE ON provider BEGIN
    INSERT INTO rule_history ("table", "key", old) SELECT 'provider', name, row FROM provider_row WHERE name = OLD.name;
    DELETE FROM rule_history_before WHERE "table" = 'provider' AND "key" = OLD.name;
END;

-- Settings. They keep their names, so REPLACE takes away the same one alone.
CREATE TRIGGER setting_insert_remembers BEFORE INSERT ON setting BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'setting';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'setting', name, row FROM setting_row WHERE name = NEW.name;
END;
CREATE TRIGGER setting_insert_keeps AFTER INSERT ON setting BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'setting', name, before.row, now.row FROM setting_row AS now
      LEFT JOIN rule_history_before AS before ON "table" = 'setting' AND "key" = name
     WHERE name = NEW.name AND before.row IS NOT now.row;
END;
CREATE TRIGGER setting_update_remembers BEFORE UPDATE ON setting BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'setting';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'setting', name, row FROM setting_row WHERE name = OLD.name;
END;
CREATE TRIGGER setting_update_keeps AFTER UPDATE ON setting BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'setting', name, before.row, now.row FROM setting_row AS now
      JOIN rule_history_before AS before ON "table" = 'setting' AND "key" = name
     WHERE name = NEW.name AND before.row IS NOT now.row;
END;
CREATE TRIGGER setting_delete_keeps BEFORE DELETE ON setting BEGIN
    INSERT INTO rule_history ("table", "key", old) SELECT 'setting', name, row FROM setting_row WHERE name = OLD.name;
    DELETE FROM rule_history_before WHERE "table" = 'setting' AND "key" = OLD.name;
END;

-- The way back: one INSERT into one of these views, which store nothing, undoes every change from an entry on, or every
-- change after a time. What the history does not know to have changed is left alone, and so is what is already as it was.
CREATE VIEW restore_before_entry (entry) AS SELECT 0 WHERE 0;
CREATE VIEW restore_to_time (time) AS SELECT '' WHERE 0;    -- as typed, UTC
CREATE VIEW restore_to_second (second) AS SELECT 0 WHERE 0;

-- Rows on their way back, empty but while a way back is taken.
CREATE TABLE restore_plan (
    "table" TEXT NOT NULL,
    "key"   ANY  NOT NULL,
    row     TEXT,               -- NULL: there was none
    PRIMARY KEY ("table", "key")
) STRICT, WITHOUT ROWID;

CREATE TRIGGER restore_to_time_insert INSTEAD OF INSERT ON restore_to_time BEGIN
    INSERT INTO restore_to_second (second)
    VALUES (CASE WHEN NEW.time NOT GLOB '*[^0-9]*' THEN CAST(NEW.time AS INTEGER) ELSE unixepoch(NEW.time) END);
END;
CREATE TRIGGER restore_to_second_insert INSTEAD OF INSERT ON restore_to_second BEGIN
    SELECT CASE
        WHEN NEW.second IS NULL OR NEW.second < 1000000000 THEN
            RAISE(ABORT, 'time can''t be read: type it as in ''2027-01-31 18:00'' for UTC, datetime(''2027-01-31 18:00'', ''utc'') for local time, or datetime(''now'', ''-1 hour'')')
        WHEN NEW.second > unixepoch('now') THEN
            RAISE(ABORT, 'time is yet to come: type one that is past, in UTC, as in datetime(''now'', ''-1 hour'')')
        WHEN NOT EXISTS (SELECT 1 FROM rule_history WHERE changed_at <= NEW.second) THEN
            RAISE(ABORT, 'the history doesn''t go back that far: its first time is SELECT datetime(min(changed_at), ''unixepoch'') FROM rule_history')
    END;
    INSERT INTO restore_before_entry (entry)
    SELECT id FROM rule_history WHERE id > (SELECT max(id) FROM rule_history WHERE changed_at <= NEW.second)
     ORDER BY id LIMIT 1;
END;

-- A row goes back to what it was before its first change. The order lets every guard be content: groups stand before the
-- rules and networks that name them, and go after these. REPLACE lets two rules change places, and keeps what hangs on
-- them; a row that it pushes out was elsewhere or nowhere then, so its turn comes too.
CREATE TRIGGER restore_before_entry_insert INSTEAD OF INSERT ON restore_before_entry BEGIN
    SELECT RAISE(ABORT, 'rule_history has no such entry: type the id of the first change to undo')
     WHERE NOT EXISTS (SELECT 1 FROM rule_history WHERE id = NEW.entry);
    -- OR IGNORE would reach in here and keep rows as they are.
    INSERT INTO restore_plan ("table", "key", row) VALUES ('', '', 'kept');
    REPLACE INTO restore_plan ("table", "key", row) VALUES ('', '', 'replaced');
    SELECT RAISE(ABORT, 'this can''t be done OR IGNORE: type a plain INSERT')
     WHERE (SELECT row FROM restore_plan WHERE "table" = '') = 'kept';
    DELETE FROM restore_plan;

    INSERT INTO restore_plan ("table", "key", row)
    SELECT "table", "key", old FROM rule_history
     WHERE id IN (SELECT min(id) FROM rule_history WHERE id >= NEW.entry GROUP BY "table", "key");
    DELETE FROM restore_plan WHERE row IS CASE "table"
        WHEN 'rule' THEN (SELECT now.row FROM rule_row AS now WHERE id = "key")
        WHEN 'client_group' THEN (SELECT now.row FROM client_group_row AS now WHERE name = "key")
        WHEN 'client_network' THEN (SELECT now.row FROM client_network_row AS now WHERE now."key" = restore_plan."key")
        WHEN 'provider' THEN (SELECT now.row FROM provider_row AS now WHERE name = "key")
        WHEN 'setting' THEN (SELECT now.row FROM setting_row AS now WHERE name = "key") END;

    REPLACE INTO client_group (id, name, comment)
    SELECT row ->> 'id', row ->> 'name', row ->> 'comment'
      FROM restore_plan WHERE "table" = 'client_group' AND row IS NOT NULL;
    DELETE FROM rule WHERE id IN (SELECT "key" FROM restore_plan WHERE "table" = 'rule' AND row IS NULL);
    REPLACE INTO rule (id, target, action, enabled, expires_at, comment, created_at, clients, widen)
    SELECT row ->> 'id', row ->> 'target', row ->> 'action', row ->> 'enabled', row ->> 'expires_at', row ->> 'comment',
           row ->> 'created_at', row ->> 'clients', row ->> 'widen'
      FROM restore_plan WHERE "table" = 'rule' AND row IS NOT NULL;
    DELETE FROM client_network WHERE client_group || ' ' || cidr IN
        (SELECT "key" FROM restore_plan WHERE "table" = 'client_network' AND row IS NULL);
    REPLACE INTO client_network (client_group, cidr)
    SELECT row ->> 'client_group', row ->> 'cidr' FROM restore_plan WHERE "table" = 'client_network' AND row IS NOT NULL;
    DELETE FROM client_group WHERE name IN (SELECT "key" FROM restore_plan WHERE "table" = 'client_group' AND row IS NULL);
    DELETE FROM provider WHERE name IN (SELECT "key" FROM restore_plan WHERE "table" = 'provider' AND row IS NULL);
    REPLACE INTO provider (
        name, path_style, virtual_host, placeholders, bucket_min, bucket_max, bucket_max_dotted, bucket_dots,
        bucket_underscores, bucket_capitals, bucket_like, bucket_never, bucket_elsewhere, bucket_dotted, not_buckets,
        bare_host, host_allows, note, clients)
    SELECT
        row ->> 'name', row ->> 'path_style', row ->> 'virtual_host', row ->> 'placeholders', row ->> 'bucket_min',
        row ->> 'bucket_max', row ->> 'bucket_max_dotted', row ->> 'bucket_dots', row ->> 'bucket_underscores',
        row ->> 'bucket_capitals', row ->> 'bucket_like', row ->> 'bucket_never', row ->> 'bucket_elsewhere',
        row ->> 'bucket_dotted', row ->> 'not_buckets', row ->> 'bare_host', row ->> 'host_allows', row ->> 'note',
        row ->> 'clients'
      FROM restore_plan WHERE "table" = 'provider' AND row IS NOT NULL;
    -- A setting that a migration brought stays as it is before that.
    UPDATE setting SET value = (SELECT row ->> 'value' FROM restore_plan WHERE "table" = 'setting' AND "key" = name)
     WHERE name IN (SELECT "key" FROM restore_plan WHERE "table" = 'setting' AND row IS NOT NULL);
    DELETE FROM restore_plan;
END;
