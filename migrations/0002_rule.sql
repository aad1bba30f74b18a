-- 0002 rule: what may be reached. Times are Unix seconds, UTC.
--
-- A CHECK holds what will always be true of a column. What a target may look like is said by triggers, because those can
-- be replaced without rebuilding the table, and because their sentences can tell what to type instead.
CREATE TABLE rule (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    target     TEXT    NOT NULL,                  -- api.example.com, api.example.com:8443, *.example.com, **.example.com
    action     TEXT    NOT NULL DEFAULT 'allow',
    enabled    INTEGER NOT NULL DEFAULT 1,
    expires_at INTEGER,                           -- NULL: never
    comment    TEXT,
    created_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
    CONSTRAINT rule_id_is_positive CHECK (id > 0),
    CONSTRAINT rule_target_is_printable_ascii CHECK (length(target) BETWEEN 1 AND 2048
        AND length(CAST(target AS BLOB)) = length(target) AND target NOT GLOB '*[^!-~]*'),
    CONSTRAINT rule_action_is_allow_or_deny CHECK (action IN ('allow', 'deny')),
    CONSTRAINT rule_enabled_is_0_or_1 CHECK (enabled IN (0, 1)),
    CONSTRAINT rule_expires_at_is_in_seconds CHECK (expires_at BETWEEN 0 AND 95617584000) -- the year 5000
) STRICT;

-- An index and no table constraint, so that it can be replaced; ON CONFLICT (target) and OR IGNORE work on it.
CREATE UNIQUE INDEX rule_target_is_unique ON rule (target);
CREATE INDEX rule_by_expiry ON rule (expires_at) WHERE expires_at IS NOT NULL;

-- A target is explained in steps, each of which says what is wrong with it, or hands what is left of it to the next. They
-- are views only so that INSERT and UPDATE share them; nothing is ever stored.
CREATE VIEW explain_target (target)           AS SELECT '' WHERE 0;          -- as typed
CREATE VIEW explain_place (place)             AS SELECT '' WHERE 0;          -- without https:// and an empty path
CREATE VIEW explain_host (host, port)         AS SELECT '', '' WHERE 0;      -- without its final dot
CREATE VIEW explain_name (name, last_label)   AS SELECT '', '' WHERE 0;      -- without its wildcard

CREATE TRIGGER explain_target_insert INSTEAD OF INSERT ON explain_target BEGIN
    SELECT CASE
        WHEN coalesce(trim(NEW.target), '') = '' THEN
            RAISE(ABORT, 'target is empty: type the host to reach, as in api.example.com')
        WHEN length(CAST(NEW.target AS BLOB)) <> length(NEW.target) THEN
            RAISE(ABORT, 'target is not ASCII: type an international name in its A-label form, as in xn--bcher-kva.example')
        WHEN NEW.target GLOB '*[^!-~]*' THEN
            RAISE(ABORT, 'target contains a space or a control character: type the host alone, as in api.example.com')
        WHEN NEW.target LIKE 'http://%' THEN
            RAISE(ABORT, 'target is plain http://, which carries no server name to check: type the host alone, as in api.example.com, and have the client use https')
        WHEN NEW.target LIKE '%://%' AND NEW.target NOT LIKE 'https://%' THEN
            RAISE(ABORT, 'target has a scheme other than https: type the host alone, as in api.example.com')
        WHEN NEW.target GLOB '*@*' THEN
            RAISE(ABORT, 'target holds a user name: leave out everything up to the @ and type the host alone, as in api.example.com')
        WHEN NEW.target GLOB '*[?#]*' THEN
            RAISE(ABORT, 'target holds a query or a fragment, which the encryption hides: type the host alone, as in api.example.com')
    END;
    INSERT INTO explain_place (place) VALUES (
        CASE WHEN NEW.target LIKE 'https://%/' THEN substr(NEW.target, 9, length(NEW.target) - 9)
             WHEN NEW.target LIKE 'https://%' THEN substr(NEW.target, 9)
             WHEN NEW.target LIKE '%/' THEN substr(NEW.target, 1, length(NEW.target) - 1)
             ELSE NEW.target END);
END;

CREATE TRIGGER explain_place_insert INSTEAD OF INSERT ON explain_place BEGIN
    SELECT CASE
        WHEN NEW.place GLOB '*[/\]*' THEN
            RAISE(ABORT, 'target names a host, not a URL: type the bucket''s own host, as in my-bucket.storage.googleapis.com')
        WHEN NEW.place GLOB '*[[]*' OR NEW.place GLOB '*]*' OR NEW.place GLOB '*:*:*' THEN
            RAISE(ABORT, 'target is an IPv6 address: rules allow names, so type the host''s name, as in api.example.com')
    END;
    INSERT INTO explain_host (host, port) VALUES (
        CASE WHEN NEW.place GLOB '?*.' THEN substr(NEW.place, 1, length(NEW.place) - 1)
             WHEN NEW.place GLOB '?*.:*' THEN substr(NEW.place, 1, instr(NEW.place, ':') - 2)
             WHEN NEW.place GLOB '*:*' THEN substr(NEW.place, 1, instr(NEW.place, ':') - 1)
             ELSE NEW.place END,
        CASE WHEN NEW.place GLOB '*:*' THEN substr(NEW.place, instr(NEW.place, ':') + 1) ELSE '443' END);
END;

CREATE TRIGGER explain_host_insert INSTEAD OF INSERT ON explain_host BEGIN
    SELECT CASE
        WHEN NEW.port = '' OR NEW.port GLOB '*[^0-9]*' OR length(NEW.port) > 5 OR CAST(NEW.port AS INTEGER) NOT BETWEEN 1 AND 65535 THEN
            RAISE(ABORT, 'target has a bad port: after the colon stands a number from 1 to 65535, as in api.example.com:8443')
        WHEN NEW.host = '' THEN
            RAISE(ABORT, 'target has no host: type one, as in api.example.com')
        WHEN NEW.host IN ('*', '**', '*.', '**.') THEN
            RAISE(ABORT, 'target is a wildcard of nothing: type the name it stands before, as in *.example.com or **.example.com')
    END;
    INSERT INTO explain_name (name, last_label) VALUES (
        CASE WHEN NEW.host GLOB '[*][*].*' THEN substr(NEW.host, 4)
             WHEN NEW.host GLOB '[*].*' THEN substr(NEW.host, 3)
             ELSE NEW.host END,
        substr(NEW.host, length(rtrim(NEW.host, replace(NEW.host, '.', ''))) + 1));
END;

CREATE TRIGGER explain_name_insert INSTEAD OF INSERT ON explain_name BEGIN
    SELECT CASE
        WHEN NEW.name GLOB '*[*]*' THEN
            RAISE(ABORT, 'target has a * in the wrong place: type *.example.com for one more label, **.example.com for one or more')
        WHEN NEW.name GLOB '*[^A-Za-z0-9._-]*' THEN
            RAISE(ABORT, 'target has a character that no host name has: only letters, digits, hyphens, underscores and dots, as in api.example.com')
        WHEN NEW.name GLOB '.*' OR NEW.name GLOB '*.' OR NEW.name GLOB '*..*' THEN
            RAISE(ABORT, 'target has an empty label: type one dot between labels and none before them, as in api.example.com')
        WHEN NEW.name GLOB '-*' OR NEW.name GLOB '*-' OR NEW.name GLOB '*.-*' OR NEW.name GLOB '*-.*' THEN
            RAISE(ABORT, 'target has a label that begins or ends with a hyphen: no host has such a name, so look for a typing mistake')
        WHEN length(NEW.name) > 253 THEN
            RAISE(ABORT, 'target is longer than a host name can be: type at most 253 characters')
        WHEN length(NEW.name) > 63 AND NEW.name GLOB '*' || replace(hex(zeroblob(32)), '0', '[^.]') || '*' THEN
            RAISE(ABORT, 'target has a label longer than 63 characters: no host has such a name, so look for a missing dot')
        WHEN NEW.last_label NOT GLOB '*[^0-9]*'
             OR NEW.last_label GLOB '0[Xx]*' AND substr(NEW.last_label, 3) NOT GLOB '*[^0-9A-Fa-f]*' THEN
            RAISE(ABORT, 'target is an IP address: rules allow names, so type the host''s name, as in api.example.com')
    END;
END;

CREATE TRIGGER rule_insert_explains BEFORE INSERT ON rule BEGIN
    INSERT INTO explain_target (target) VALUES (NEW.target);
    SELECT CASE
        WHEN NEW.action NOT IN ('allow', 'deny') THEN
            RAISE(ABORT, 'action is not known: type ''allow'' or ''deny''')
        WHEN NEW.enabled NOT IN (0, 1) THEN
            RAISE(ABORT, 'enabled is a switch: type 1 for on or 0 for off')
        WHEN NEW.expires_at > 95617584000 THEN
            RAISE(ABORT, 'expires_at is in milliseconds: type Unix seconds, as in strftime(''%s'', ''now'', ''+7 days'')')
        WHEN NEW.expires_at < 0 THEN
            RAISE(ABORT, 'expires_at is negative: type Unix seconds, as in strftime(''%s'', ''now'', ''+7 days''), or NULL for never')
    END;
END;

CREATE TRIGGER rule_update_explains_target BEFORE UPDATE OF target ON rule BEGIN
    INSERT INTO explain_target (target) VALUES (NEW.target);
END;

CREATE TRIGGER rule_update_explains BEFORE UPDATE OF action, enabled, expires_at ON rule BEGIN
    SELECT CASE
        WHEN NEW.action NOT IN ('allow', 'deny') THEN
            RAISE(ABORT, 'action is not known: type ''allow'' or ''deny''')
        WHEN NEW.enabled NOT IN (0, 1) THEN
            RAISE(ABORT, 'enabled is a switch: type 1 for on or 0 for off')
        WHEN NEW.expires_at > 95617584000 THEN
            RAISE(ABORT, 'expires_at is in milliseconds: type Unix seconds, as in strftime(''%s'', ''now'', ''+7 days'')')
        WHEN NEW.expires_at < 0 THEN
            RAISE(ABORT, 'expires_at is negative: type Unix seconds, as in strftime(''%s'', ''now'', ''+7 days''), or NULL for never')
    END;
END;

-- REPLACE and UPDATE OR REPLACE take rows away without a delete trigger, so whatever the new row could push out is
-- named before it goes. Naming a row that stays does no harm.
CREATE TRIGGER rule_insert_logs_replaced BEFORE INSERT ON rule BEGIN
    INSERT INTO policy_change ("table", "key") SELECT 'rule', id FROM rule WHERE target = NEW.target;
END;

CREATE TRIGGER rule_update_logs_replaced BEFORE UPDATE OF id, target ON rule BEGIN
    INSERT INTO policy_change ("table", "key")
    SELECT 'rule', id FROM rule WHERE (target = NEW.target OR id = NEW.id) AND id <> OLD.id;
END;

CREATE TRIGGER rule_insert_logs AFTER INSERT ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
END;

-- Not on updated_at, so that the trigger never sets itself off.
CREATE TRIGGER rule_update_logs AFTER UPDATE OF id, target, action, enabled, expires_at, comment ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
    INSERT INTO policy_change ("table", "key") SELECT 'rule', OLD.id WHERE OLD.id <> NEW.id;
    UPDATE rule SET updated_at = CAST(strftime('%s', 'now') AS INTEGER)
     WHERE id = NEW.id AND updated_at = OLD.updated_at;
END;

CREATE TRIGGER rule_delete_logs AFTER DELETE ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', OLD.id);
END;
