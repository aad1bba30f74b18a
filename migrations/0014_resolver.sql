-- 0014 resolver: how many queries a client may ask, what is said of addresses that are the gate's, and the key of DNS cookies.

-- What is wrong with a setting's value is said here.
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
        WHEN NEW.name IN ('hello_seconds', 'connect_seconds', 'answer_seconds') THEN
            CASE WHEN NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 3 OR CAST(NEW.value AS INTEGER) NOT BETWEEN 1 AND 600 THEN
                RAISE(ABORT, 'hello_seconds, connect_seconds and answer_seconds are seconds: type a whole number from 1 to 600') END
        WHEN NEW.name = 'idle_seconds' THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 6 OR CAST(NEW.value AS INTEGER) > 604800 THEN
                RAISE(ABORT, 'idle_seconds is how long a connection may pass on nothing: type a whole number from 1 to 604800, or 0 for ever') END
        WHEN NEW.name IN ('max_connections', 'max_connections_per_client', 'max_handshakes_per_client', 'max_queries_per_client') THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 8 OR CAST(NEW.value AS INTEGER) > 10000000 THEN
                RAISE(ABORT, 'max_connections, max_connections_per_client, max_handshakes_per_client and max_queries_per_client are counts: type a whole number from 0 to 10000000') END
        WHEN NEW.name = 'ech' THEN
            CASE WHEN NEW.value NOT IN ('allow', 'deny') THEN
                RAISE(ABORT, 'ech is not known: type ''allow'' or ''deny''') END
        WHEN NEW.name IN ('max_probes', 'max_probes_per_client', 'max_probes_per_address') THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 5 OR CAST(NEW.value AS INTEGER) > 10000 THEN
                RAISE(ABORT, 'max_probes, max_probes_per_client and max_probes_per_address are counts: type a whole number from 0 to 10000') END
        WHEN NEW.name = 'certificate_warning_days' THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 3 OR CAST(NEW.value AS INTEGER) > 365 THEN
                RAISE(ABORT, 'certificate_warning_days is how long before a certificate expires a warning comes: type a whole number from 1 to 365, or 0 for none') END
        WHEN NEW.name = 'cold_start' THEN
            CASE WHEN NEW.value NOT IN ('parallel', 'serial') THEN
                RAISE(ABORT, 'cold_start is not known: type ''parallel'' or ''serial''') END
        WHEN NEW.name = 'resumption' THEN
            CASE WHEN NEW.value NOT IN ('allow', 'deny') THEN
                RAISE(ABORT, 'resumption is not known: type ''allow'' or ''deny''') END
        WHEN NEW.name = 'forged_answer_error' THEN
            CASE WHEN NEW.value NOT IN ('off', 'on') THEN
                RAISE(ABORT, 'forged_answer_error is not known: type ''off'' or ''on''') END
        ELSE
            RAISE(ABORT, 'there is no such setting: SELECT name FROM setting shows them all')
    END;
END;
CREATE TRIGGER setting_delete_explains_resolver BEFORE DELETE ON setting BEGIN
    SELECT CASE OLD.name
        WHEN 'max_queries_per_client' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''0'' WHERE name = ''max_queries_per_client''')
        WHEN 'forged_answer_error' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''off'' WHERE name = ''forged_answer_error''')
    END;
END;

-- Pinhole's own connection can't set off the triggers that keep the history (0007), so this writes what they would.
DROP TRIGGER setting_insert_remembers;
DROP TRIGGER setting_insert_keeps;
INSERT INTO setting (name, value) VALUES
    ('max_queries_per_client', '0'),          -- DNS queries that one address may ask in a second; '0': any number
    ('forged_answer_error', 'off');           -- whether addresses carry Extended DNS Error 4 (Forged Answer): 'off' or 'on'
INSERT INTO rule_history ("table", "key", new)
SELECT 'setting', name, '{"name":"' || name || '","value":"' || value || '"}' FROM setting
 WHERE name IN ('max_queries_per_client', 'forged_answer_error');
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

-- DNS cookies (RFC 7873, RFC 9018) are made under this key: 16 bytes in hex, as other servers take their cookie secret. A
-- new one is one statement, UPDATE cookie_key SET key = lower(hex(randomblob(16))). The key before stays beside it, so
-- that cookies which clients hold are good until they expire.
CREATE TABLE cookie_key (
    id        INTEGER PRIMARY KEY CONSTRAINT cookie_key_is_one CHECK (id = 1),
    "key"     TEXT    NOT NULL CONSTRAINT cookie_key_is_32_hex_digits CHECK (length("key") = 32 AND "key" NOT GLOB '*[^0-9a-f]*'),
    previous  TEXT    CONSTRAINT cookie_key_previous_is_32_hex_digits CHECK (length(previous) = 32 AND previous NOT GLOB '*[^0-9a-f]*'),
    rolled_at INTEGER NOT NULL DEFAULT 0            -- when the key before was put aside: it counts for no later cookie
) STRICT;
INSERT INTO cookie_key (id, "key") VALUES (1, lower(hex(randomblob(16))));

CREATE TRIGGER cookie_key_insert_explains BEFORE INSERT ON cookie_key BEGIN
    SELECT RAISE(ABORT, 'there is a cookie key: for a new one type UPDATE cookie_key SET key = lower(hex(randomblob(16)))')
     WHERE EXISTS (SELECT 1 FROM cookie_key);
    SELECT RAISE(ABORT, 'the cookie key is one row of 32 hex digits: type INSERT INTO cookie_key (id, key) VALUES (1, lower(hex(randomblob(16))))')
     WHERE NEW.id IS NOT 1 OR length(NEW."key") <> 32 OR NEW."key" GLOB '*[^0-9a-f]*';
END;
CREATE TRIGGER cookie_key_update_explains BEFORE UPDATE ON cookie_key BEGIN
    SELECT RAISE(ABORT, 'the cookie key is 32 hex digits in lower case: type them, or lower(hex(randomblob(16))) for a new one')
     WHERE NEW.id <> 1 OR length(NEW."key") <> 32 OR NEW."key" GLOB '*[^0-9a-f]*';
END;
CREATE TRIGGER cookie_key_delete_explains BEFORE DELETE ON cookie_key BEGIN
    SELECT RAISE(ABORT, 'the cookie key can''t be deleted; for a new one type UPDATE cookie_key SET key = lower(hex(randomblob(16)))');
END;
CREATE TRIGGER cookie_key_update_keeps_previous AFTER UPDATE OF "key" ON cookie_key WHEN NEW."key" <> OLD."key" BEGIN
    UPDATE cookie_key SET previous = OLD."key", rolled_at = unixepoch() WHERE id = NEW.id;
END;
CREATE TRIGGER cookie_key_insert_logs AFTER INSERT ON cookie_key BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('cookie_key', NEW.id);
END;
CREATE TRIGGER cookie_key_update_logs AFTER UPDATE ON cookie_key BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('cookie_key', NEW.id);
END;
