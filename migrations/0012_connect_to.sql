-- 0012 connect_to: where a rule sends connections in place of its name's own address. What the client says (SNI) stays as it
-- is. An address that stands here may be a private one; a host is looked up, and its addresses are judged as any name's.
ALTER TABLE rule ADD COLUMN connect_to TEXT     -- 10.0.0.5, 10.0.0.5:8443, fd00::5, [fd00::5]:8443, proxy.internal.example:8443
    CONSTRAINT rule_connect_to_looks_like_one CHECK (length(connect_to) BETWEEN 1 AND 260
        AND length(CAST(connect_to AS BLOB)) = length(connect_to) AND connect_to NOT GLOB '*[^]A-Za-z0-9._:[-]*');

-- What is wrong with one is said in two steps, as with a target; nothing is ever stored.
CREATE VIEW explain_connect_to (connect_to, action)             AS SELECT '', '' WHERE 0;      -- as typed
CREATE VIEW explain_connect_place (place, port, last_label)     AS SELECT '', '', '' WHERE 0;  -- without brackets and final dot

CREATE TRIGGER explain_connect_to_insert INSTEAD OF INSERT ON explain_connect_to BEGIN
    SELECT CASE
        WHEN NEW.action = 'deny' THEN
            RAISE(ABORT, 'a deny connects to nothing: leave connect_to out, or type SET action = ''deny'', connect_to = NULL')
        WHEN NEW.connect_to = '' THEN
            RAISE(ABORT, 'connect_to is empty: type NULL to connect to the name itself, else an address or a host, as in 10.0.0.5:8443')
        WHEN NEW.connect_to GLOB '*[/@\?#]*' THEN
            RAISE(ABORT, 'connect_to is no URL: type an address or a host alone, as in 10.0.0.5:8443 or proxy.internal.example:8443')
        WHEN NEW.connect_to GLOB '*[*]*' THEN
            RAISE(ABORT, 'connect_to is one place and takes no wildcard: type an address or a host, as in proxy.internal.example:8443')
        WHEN NEW.connect_to GLOB '*[^]A-Za-z0-9._:[-]*' OR length(CAST(NEW.connect_to AS BLOB)) <> length(NEW.connect_to) THEN
            RAISE(ABORT, 'connect_to has a character that no address and no host has: type it as in 10.0.0.5:8443, [fd00::5]:8443 or proxy.internal.example')
        WHEN NEW.connect_to GLOB '*[[]*' AND NEW.connect_to NOT GLOB '[[]*:*]' AND NEW.connect_to NOT GLOB '[[]*:*]:*'
             OR NEW.connect_to GLOB '*]*' AND NEW.connect_to NOT GLOB '[[]*' OR NEW.connect_to GLOB '?*[[]*' OR NEW.connect_to GLOB '*]*]*' THEN
            RAISE(ABORT, 'connect_to has brackets that are no pair around an IPv6 address: type it as in [fd00::5]:8443')
    END;
    INSERT INTO explain_connect_place (place, port, last_label)
    SELECT place, port, substr(place, length(rtrim(place, replace(place, '.', ''))) + 1) FROM (
        SELECT CASE WHEN place GLOB '?*.' AND place GLOB '*[^0-9.]*' AND place NOT GLOB '*:*' THEN substr(place, 1, length(place) - 1) ELSE place END AS place, port FROM (
            SELECT CASE WHEN NEW.connect_to GLOB '[[]*' THEN substr(NEW.connect_to, 2, instr(NEW.connect_to, ']') - 2)
                        WHEN NEW.connect_to GLOB '*:*' AND NEW.connect_to NOT GLOB '*:*:*'
                        THEN substr(NEW.connect_to, 1, instr(NEW.connect_to, ':') - 1)
                        ELSE NEW.connect_to END AS place,
                   CASE WHEN NEW.connect_to GLOB '*]:*' THEN substr(NEW.connect_to, instr(NEW.connect_to, ']') + 2)
                        WHEN NEW.connect_to GLOB '*:*' AND NEW.connect_to NOT GLOB '*:*:*'
                        THEN substr(NEW.connect_to, instr(NEW.connect_to, ':') + 1)
                        ELSE '443' END AS port));
END;

CREATE TRIGGER explain_connect_place_insert INSTEAD OF INSERT ON explain_connect_place BEGIN
    SELECT CASE
        WHEN NEW.port = '' OR NEW.port GLOB '*[^0-9]*' OR length(NEW.port) > 5 OR CAST(NEW.port AS INTEGER) NOT BETWEEN 1 AND 65535 THEN
            RAISE(ABORT, 'connect_to has a bad port: after the colon stands a number from 1 to 65535, as in 10.0.0.5:8443')
        WHEN NEW.place = '' THEN
            RAISE(ABORT, 'connect_to has no host: type one before the colon, as in 10.0.0.5:8443')
        WHEN NEW.place IN ('0.0.0.0', '255.255.255.255', '168.63.129.16', '100.100.100.200', '192.0.0.192')
             OR NEW.place GLOB '169.254.*' OR NEW.place GLOB '22[4-9].*.*.*' OR NEW.place GLOB '23[0-9].*.*.*'
             OR lower(NEW.place) IN ('::', '::0', '0::', '0::0', 'fd00:ec2::254', 'fd20:ce::254') OR NEW.place GLOB '*:169.254.*'
             OR NEW.place GLOB '[Ff][Ee][89ABab][0-9A-Fa-f]:*' OR NEW.place GLOB '[Ff][Ff][0-9A-Fa-f][0-9A-Fa-f]:*' THEN
            RAISE(ABORT, 'connect_to is an address that nothing is ever sent to (unspecified, link-local, multicast, a metadata service): type the server''s own')
        WHEN NEW.place GLOB '*:*' AND (NEW.place GLOB '*[^0-9A-Fa-f:.]*' OR NEW.place GLOB '*:::*' OR NEW.place GLOB '*::*::*'
             OR NEW.place GLOB '*.*:*' OR NEW.place GLOB '*:*.' OR NEW.place NOT GLOB '*::*' AND NEW.place NOT GLOB '*:*:*:*:*:*:*'
             OR NEW.place GLOB '*[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]*') THEN
            RAISE(ABORT, 'connect_to is no address: type an IPv6 address as in fd00::5, with a port as in [fd00::5]:8443')
        WHEN NEW.place NOT GLOB '*:*' AND (NEW.last_label NOT GLOB '*[^0-9]*'
                 OR NEW.last_label GLOB '0[Xx]*' AND substr(NEW.last_label, 3) NOT GLOB '*[^0-9A-Fa-f]*')
             AND (NEW.place GLOB '*[^0-9.]*' OR NEW.place NOT GLOB '?*.?*.?*.?*' OR NEW.place GLOB '*.*.*.*.*'
             OR '.' || NEW.place GLOB '*.[3-9][0-9][0-9]*' OR '.' || NEW.place GLOB '*.2[6-9][0-9]*' OR '.' || NEW.place GLOB '*.25[6-9]*'
             OR '.' || NEW.place GLOB '*.0[0-9]*' OR NEW.place GLOB '*[0-9][0-9][0-9][0-9]*' OR NEW.place GLOB '*..*') THEN
            RAISE(ABORT, 'connect_to is no address: type an IPv4 address as four numbers from 0 to 255, as in 10.0.0.5')
        WHEN NEW.place NOT GLOB '*:*' AND (length(NEW.place) > 253 OR NEW.place GLOB '.*' OR NEW.place GLOB '*.' OR NEW.place GLOB '*..*'
             OR NEW.place GLOB '-*' OR NEW.place GLOB '*-' OR NEW.place GLOB '*.-*' OR NEW.place GLOB '*-.*'
             OR length(NEW.place) > 63 AND NEW.place GLOB '*' || replace(hex(zeroblob(32)), '0', '[^.]') || '*') THEN
            RAISE(ABORT, 'connect_to is no host that can be: look for a typing mistake, and type it as in proxy.internal.example')
    END;
END;

CREATE TRIGGER rule_insert_explains_connect_to BEFORE INSERT ON rule WHEN NEW.connect_to IS NOT NULL BEGIN
    INSERT INTO explain_connect_to (connect_to, action) VALUES (NEW.connect_to, NEW.action);
END;
CREATE TRIGGER rule_update_explains_connect_to BEFORE UPDATE OF action, connect_to ON rule WHEN NEW.connect_to IS NOT NULL BEGIN
    INSERT INTO explain_connect_to (connect_to, action) VALUES (NEW.connect_to, NEW.action);
END;
CREATE TRIGGER rule_update_logs_connect_to AFTER UPDATE OF connect_to ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
    UPDATE rule SET updated_at = CAST(strftime('%s', 'now') AS INTEGER)
     WHERE id = NEW.id AND updated_at = OLD.updated_at;
END;

-- The history keeps the column, and the way back restores it.
DROP VIEW rule_row;
CREATE VIEW rule_row (id, target, clients, row) AS
    SELECT id, target, clients, json_object('id', id, 'target', target, 'action', action, 'enabled', enabled,
           'expires_at', expires_at, 'comment', comment, 'created_at', created_at, 'clients', clients, 'widen', widen,
           'connect_to', connect_to)
      FROM rule;
DROP TRIGGER rule_update_remembers;
DROP TRIGGER rule_update_keeps;
CREATE TRIGGER rule_update_remembers
BEFORE UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to ON rule BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'rule';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'rule', id, row FROM rule_row
     WHERE id IN (OLD.id, NEW.id) OR target = NEW.target AND clients = coalesce(NEW.clients, 'any');
END;
CREATE TRIGGER rule_update_keeps
AFTER UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to ON rule BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'rule', "key", before.row, now.row FROM rule_history_before AS before LEFT JOIN rule_row AS now ON id = "key"
     WHERE "table" = 'rule' AND before.row IS NOT now.row;
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'rule', id, row FROM rule_row
     WHERE id = NEW.id AND id NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'rule');
END;
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
    REPLACE INTO rule (id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to)
    SELECT row ->> 'id', row ->> 'target', row ->> 'action', row ->> 'enabled', row ->> 'expires_at', row ->> 'comment',
           row ->> 'created_at', row ->> 'clients', row ->> 'widen', row ->> 'connect_to'
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
