-- 0008 observe: a group whose clients are only observed. Where a group says 'observe', what no rule allows, and what a rule
-- denies, passes for the clients that it speaks for, and is recorded. It speaks for a client when its network is the longest
-- around the client's address; 'any' speaks for clients in no network. Of two groups with that very network, 'enforce' wins.
ALTER TABLE client_group ADD COLUMN mode TEXT NOT NULL DEFAULT 'enforce'
    CONSTRAINT client_group_mode_is_enforce_or_observe CHECK (mode IN ('enforce', 'observe'));

CREATE TRIGGER client_group_insert_explains_mode BEFORE INSERT ON client_group WHEN NEW.mode NOT IN ('enforce', 'observe') BEGIN
    SELECT RAISE(ABORT, 'mode is not known: type ''enforce'', or ''observe'' to let pass what would be denied and record it');
END;
CREATE TRIGGER client_group_update_explains_mode BEFORE UPDATE OF mode ON client_group WHEN NEW.mode NOT IN ('enforce', 'observe') BEGIN
    SELECT RAISE(ABORT, 'mode is not known: type ''enforce'', or ''observe'' to let pass what would be denied and record it');
END;
CREATE TRIGGER client_group_update_logs_mode AFTER UPDATE OF mode ON client_group WHEN NEW.mode <> OLD.mode BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('client_group', NEW.name);
END;

-- The history keeps the column, and the way back restores it.
DROP VIEW client_group_row;
CREATE VIEW client_group_row (name, id, row) AS
    SELECT name, id, json_object('id', id, 'name', name, 'comment', comment, 'mode', mode) FROM client_group;
DROP TRIGGER restore_before_entry_insert;
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

    -- An entry that is older than the column knows no mode: then every group enforced.
    REPLACE INTO client_group (id, name, comment, mode)
    SELECT row ->> 'id', row ->> 'name', row ->> 'comment', coalesce(row ->> 'mode', 'enforce')
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
