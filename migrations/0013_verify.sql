-- 0013 verify: what the server behind an allowed name must show before a byte of it reaches the client.
--   'chain'     a chain to a trusted root, with the name in its certificate, valid now; and where the rule has pins, one of them
--               in that chain
--   'pin-only'  one of the rule's pins, whatever the trusted roots are
--   'none'      nothing: whoever answers at the address is believed
ALTER TABLE rule ADD COLUMN verify TEXT NOT NULL DEFAULT 'chain'
    CONSTRAINT rule_verify_is_known CHECK (verify IN ('chain', 'pin-only', 'none'));

CREATE TRIGGER rule_insert_explains_verify BEFORE INSERT ON rule WHEN NEW.verify NOT IN ('chain', 'pin-only', 'none') BEGIN
    SELECT RAISE(ABORT, 'verify is not known: type ''chain'', ''pin-only'' to go by the rule''s pins alone, or ''none'' to check nothing');
END;
CREATE TRIGGER rule_update_explains_verify BEFORE UPDATE OF verify ON rule WHEN NEW.verify NOT IN ('chain', 'pin-only', 'none') BEGIN
    SELECT RAISE(ABORT, 'verify is not known: type ''chain'', ''pin-only'' to go by the rule''s pins alone, or ''none'' to check nothing');
END;
CREATE TRIGGER rule_update_logs_verify AFTER UPDATE OF verify ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
    UPDATE rule SET updated_at = CAST(strftime('%s', 'now') AS INTEGER)
     WHERE id = NEW.id AND updated_at = OLD.updated_at;
END;

-- The keys that a rule's server, or an authority that vouches for it, must have. One of those that are enforced is enough;
-- those that only report refuse nothing. Without a rowid, because REPLACE with a rowid could take away another pin.
CREATE TABLE pin (
    rule_id     INTEGER NOT NULL,
    spki_sha256 TEXT    NOT NULL,                   -- base64 of the SHA-256 of a public key, as pinhole pin HOST shows it
    mode        TEXT    NOT NULL DEFAULT 'enforce', -- or 'report': what the pin would refuse is only told
    expires_at  INTEGER,                            -- Unix seconds, from when on it counts no more; NULL: never
    comment     TEXT,
    PRIMARY KEY (rule_id, spki_sha256),
    CONSTRAINT pin_spki_sha256_is_base64_of_32_bytes CHECK (length(CAST(spki_sha256 AS BLOB)) = 44 AND spki_sha256 GLOB '*='
        AND substr(spki_sha256, 1, 43) NOT GLOB '*[^A-Za-z0-9+/]*' AND substr(spki_sha256, 43, 1) GLOB '[AEIMQUYcgkosw048]'),
    CONSTRAINT pin_mode_is_enforce_or_report CHECK (mode IN ('enforce', 'report')),
    CONSTRAINT pin_expires_at_is_in_seconds CHECK (expires_at BETWEEN 0 AND 95617584000) -- the year 5000
) STRICT, WITHOUT ROWID;
CREATE INDEX pin_by_expiry ON pin (expires_at) WHERE expires_at IS NOT NULL;

CREATE VIEW explain_pin (rule_id, spki_sha256, mode, expires_at) AS SELECT 0, '', '', 0 WHERE 0;
CREATE TRIGGER explain_pin_insert INSTEAD OF INSERT ON explain_pin BEGIN
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM rule WHERE id = NEW.rule_id) THEN
            RAISE(ABORT, 'rule_id names no rule: SELECT id, target FROM rule shows them')
        WHEN NEW.spki_sha256 LIKE 'sha256/%' OR NEW.spki_sha256 LIKE 'pin-sha256=%' OR NEW.spki_sha256 LIKE 'sha256:%' THEN
            RAISE(ABORT, 'spki_sha256 has a word before the pin: type the 44 characters behind "sha256/", "pin-sha256=" or the like alone')
        WHEN NEW.spki_sha256 GLOB '*[0-9A-Fa-f][0-9A-Fa-f]:[0-9A-Fa-f][0-9A-Fa-f]:*' THEN
            RAISE(ABORT, 'spki_sha256 is a fingerprint with colons, which openssl shows of a whole certificate: a pin is of the public key alone, so type what pinhole pin HOST shows')
        WHEN length(NEW.spki_sha256) = 64 AND NEW.spki_sha256 NOT GLOB '*[^0-9A-Fa-f]*' THEN
            RAISE(ABORT, 'spki_sha256 is in hexadecimal: type it in base64, as printf HEX | xxd -r -p | base64 makes it, if it is of the public key and not of the whole certificate')
        WHEN length(NEW.spki_sha256) = 43 AND NEW.spki_sha256 NOT GLOB '*[^A-Za-z0-9+/_-]*' THEN
            RAISE(ABORT, 'spki_sha256 lacks its last character: type = behind it')
        WHEN length(NEW.spki_sha256) = 44 AND NEW.spki_sha256 GLOB '*[_-]*' THEN
            RAISE(ABORT, 'spki_sha256 is in the base64 of URLs: type + for each - and / for each _')
        WHEN length(CAST(NEW.spki_sha256 AS BLOB)) <> 44 OR NEW.spki_sha256 NOT GLOB '*='
             OR substr(NEW.spki_sha256, 1, 43) GLOB '*[^A-Za-z0-9+/]*' THEN
            RAISE(ABORT, 'spki_sha256 is no pin: type 44 characters of base64 of which the last is =, as pinhole pin HOST shows them')
        WHEN substr(NEW.spki_sha256, 43, 1) NOT GLOB '[AEIMQUYcgkosw048]' THEN
            RAISE(ABORT, 'spki_sha256 has a typing mistake before its =: no pin ends so, copy it anew')
        WHEN NEW.mode NOT IN ('enforce', 'report') THEN
            RAISE(ABORT, 'mode is not known: type ''enforce'', or ''report'' to be told what the pin would refuse')
        WHEN NEW.expires_at > 95617584000 THEN
            RAISE(ABORT, 'expires_at is in milliseconds: type Unix seconds, as in strftime(''%s'', ''now'', ''+90 days'')')
        WHEN NEW.expires_at < 0 THEN
            RAISE(ABORT, 'expires_at is negative: type Unix seconds, as in strftime(''%s'', ''now'', ''+90 days''), or NULL for never')
    END;
END;
-- What a way back brings was typed well once, be its rule a deny by now.
CREATE TRIGGER pin_insert_explains BEFORE INSERT ON pin WHEN NOT EXISTS (SELECT 1 FROM restore_plan) BEGIN
    INSERT INTO explain_pin (rule_id, spki_sha256, mode, expires_at)
    VALUES (NEW.rule_id, NEW.spki_sha256, NEW.mode, NEW.expires_at);
    SELECT RAISE(ABORT, 'a deny has no server to check: name the rule that allows the name, or SET action = ''allow'' first')
     WHERE (SELECT action FROM rule WHERE id = NEW.rule_id) = 'deny';
    SELECT RAISE(ABORT, 'a rule takes at most 64 pins: DELETE those that expired or are of use no more')
     WHERE (SELECT count(*) FROM pin WHERE rule_id = NEW.rule_id AND spki_sha256 <> NEW.spki_sha256) >= 64;
END;
CREATE TRIGGER pin_update_explains BEFORE UPDATE ON pin BEGIN
    INSERT INTO explain_pin (rule_id, spki_sha256, mode, expires_at)
    VALUES (NEW.rule_id, NEW.spki_sha256, NEW.mode, NEW.expires_at);
END;

-- A pin is read with its rule, so the rule is what changed.
CREATE TRIGGER pin_insert_logs AFTER INSERT ON pin BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.rule_id);
END;
CREATE TRIGGER pin_update_logs AFTER UPDATE ON pin BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.rule_id);
    INSERT INTO policy_change ("table", "key") SELECT 'rule', OLD.rule_id WHERE OLD.rule_id <> NEW.rule_id;
END;
CREATE TRIGGER pin_delete_logs AFTER DELETE ON pin BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', OLD.rule_id);
END;

-- Pins go with their rule. REPLACE keeps them: a row of the same id, as no trigger sees it go, and one of a new id in the same
-- place by the trigger below. A way back puts pins back by itself.
CREATE TRIGGER rule_delete_takes_pins AFTER DELETE ON rule WHEN NOT EXISTS (SELECT 1 FROM restore_plan) BEGIN
    DELETE FROM pin WHERE rule_id = OLD.id;
END;
CREATE TRIGGER rule_update_takes_pins_along AFTER UPDATE OF id ON rule WHEN OLD.id <> NEW.id BEGIN
    DELETE FROM pin WHERE rule_id = NEW.id; -- of a rule that was replaced
    UPDATE pin SET rule_id = NEW.id WHERE rule_id = OLD.id;
END;
CREATE TRIGGER rule_insert_takes_pins_over AFTER INSERT ON rule
WHEN NOT EXISTS (SELECT 1 FROM restore_plan)
 AND NOT EXISTS (SELECT 1 FROM rule_history_before WHERE "table" = 'rule' AND "key" = NEW.id) BEGIN
    UPDATE pin SET rule_id = NEW.id
     WHERE rule_id IN (SELECT "key" FROM rule_history_before WHERE "table" = 'rule');
END;

-- What checked servers showed, written by Pinhole some seconds later; read by people, who may delete rows. Nothing in here is
-- policy until somebody makes pins of it:
--
--     INSERT OR IGNORE INTO pin (rule_id, spki_sha256, comment)
--     SELECT rule_id, spki_sha256, subject FROM pin_seen JOIN rule_status USING (hostname)
--      WHERE rule_id = 7 AND place = 'root';
--
-- A name has at most 20 rows, and there are at most 10,000. When they are full, a new row takes the place of the one that was
-- seen longest ago, if that is more than a day.
CREATE TABLE pin_seen (
    hostname    TEXT    NOT NULL,               -- api.example.com, api.example.com:8443
    spki_sha256 TEXT    NOT NULL,               -- as in pin
    place       TEXT    NOT NULL,               -- 'leaf' (the server's own), 'intermediate' or 'root' in the chain that was checked
    subject     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    not_before  INTEGER NOT NULL,               -- Unix seconds
    not_after   INTEGER NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,               -- to the hour
    PRIMARY KEY (hostname, spki_sha256),
    CONSTRAINT pin_seen_place_is_known CHECK (place IN ('leaf', 'intermediate', 'root'))
) STRICT, WITHOUT ROWID;
CREATE INDEX pin_seen_by_last_seen ON pin_seen (last_seen);

-- Settings: what is wrong with a value is said here.
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
        WHEN NEW.name IN ('max_connections', 'max_connections_per_client', 'max_handshakes_per_client') THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 8 OR CAST(NEW.value AS INTEGER) > 10000000 THEN
                RAISE(ABORT, 'max_connections, max_connections_per_client and max_handshakes_per_client are counts: type a whole number from 0 to 10000000') END
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
        ELSE
            RAISE(ABORT, 'there is no such setting: SELECT name FROM setting shows them all')
    END;
END;
CREATE TRIGGER setting_delete_explains_verify BEFORE DELETE ON setting BEGIN
    SELECT CASE OLD.name
        WHEN 'cold_start' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''parallel'' WHERE name = ''cold_start''')
        WHEN 'resumption' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''allow'' WHERE name = ''resumption''')
        WHEN 'max_probes' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''200'' WHERE name = ''max_probes''')
        WHEN 'max_probes_per_client' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''20'' WHERE name = ''max_probes_per_client''')
        WHEN 'max_probes_per_address' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''20'' WHERE name = ''max_probes_per_address''')
        WHEN 'certificate_warning_days' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''14'' WHERE name = ''certificate_warning_days''')
    END;
END;

-- Pinhole's own connection can't set off the triggers that keep the history (0007), so this writes what they would.
DROP TRIGGER setting_insert_remembers;
DROP TRIGGER setting_insert_keeps;
INSERT INTO setting (name, value) VALUES
    ('cold_start', 'parallel'),            -- whether a client's handshake goes on while its server is checked for the first time: 'parallel' or 'serial'
    ('resumption', 'allow'),               -- whether a TLS 1.2 session may be resumed, in which no certificate is shown: 'allow' or 'deny'
    ('max_probes', '200'),                 -- first checks of servers at a time; '0': as many as come
    ('max_probes_per_client', '20'),       -- of them for one client; '0': no fewer
    ('max_probes_per_address', '20'),      -- of them at one server address; '0': no fewer
    ('certificate_warning_days', '14');    -- days before a chain or a rule's last pin expires that a warning is logged; '0': none
INSERT INTO rule_history ("table", "key", new)
SELECT 'setting', name, '{"name":"' || name || '","value":"' || value || '"}' FROM setting
 WHERE name IN ('cold_start', 'resumption', 'max_probes', 'max_probes_per_client', 'max_probes_per_address',
    'certificate_warning_days');
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

-- The history keeps verify and pins, and the way back restores them.
DROP VIEW rule_row;
CREATE VIEW rule_row (id, target, clients, row) AS
    SELECT id, target, clients, json_object('id', id, 'target', target, 'action', action, 'enabled', enabled,
           'expires_at', expires_at, 'comment', comment, 'created_at', created_at, 'clients', clients, 'widen', widen,
           'connect_to', connect_to, 'verify', verify)
      FROM rule;
DROP TRIGGER rule_update_remembers;
DROP TRIGGER rule_update_keeps;
CREATE TRIGGER rule_update_remembers
BEFORE UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to, verify ON rule BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'rule';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'rule', id, row FROM rule_row
     WHERE id IN (OLD.id, NEW.id) OR target = NEW.target AND clients = coalesce(NEW.clients, 'any');
END;
CREATE TRIGGER rule_update_keeps
AFTER UPDATE OF id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to, verify ON rule BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'rule', "key", before.row, now.row FROM rule_history_before AS before LEFT JOIN rule_row AS now ON id = "key"
     WHERE "table" = 'rule' AND before.row IS NOT now.row;
    INSERT INTO rule_history ("table", "key", new)
    SELECT 'rule', id, row FROM rule_row
     WHERE id = NEW.id AND id NOT IN (SELECT "key" FROM rule_history_before WHERE "table" = 'rule');
END;

-- A pin's key there is its rule's id, a space, and the pin.
CREATE VIEW pin_row (rule_id, spki_sha256, "key", row) AS
    SELECT rule_id, spki_sha256, rule_id || ' ' || spki_sha256,
           json_object('rule_id', rule_id, 'spki_sha256', spki_sha256, 'mode', mode, 'expires_at', expires_at, 'comment', comment)
      FROM pin;
CREATE TRIGGER pin_insert_remembers BEFORE INSERT ON pin BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'pin';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'pin', "key", row FROM pin_row WHERE rule_id = NEW.rule_id AND spki_sha256 = NEW.spki_sha256;
END;
CREATE TRIGGER pin_insert_keeps AFTER INSERT ON pin BEGIN
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'pin', now."key", before.row, now.row FROM pin_row AS now
      LEFT JOIN rule_history_before AS before ON before."table" = 'pin' AND before."key" = now."key"
     WHERE rule_id = NEW.rule_id AND spki_sha256 = NEW.spki_sha256 AND before.row IS NOT now.row;
END;
CREATE TRIGGER pin_update_remembers BEFORE UPDATE ON pin BEGIN
    DELETE FROM rule_history_before WHERE "table" = 'pin';
    INSERT INTO rule_history_before ("table", "key", row)
    SELECT 'pin', "key", row FROM pin_row
     WHERE rule_id = OLD.rule_id AND spki_sha256 = OLD.spki_sha256 OR rule_id = NEW.rule_id AND spki_sha256 = NEW.spki_sha256;
END;
CREATE TRIGGER pin_update_keeps AFTER UPDATE ON pin BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'pin', "key", row FROM rule_history_before
     WHERE "table" = 'pin' AND "key" <> NEW.rule_id || ' ' || NEW.spki_sha256;
    INSERT INTO rule_history ("table", "key", old, new)
    SELECT 'pin', now."key", before.row, now.row FROM pin_row AS now
      LEFT JOIN rule_history_before AS before ON before."table" = 'pin' AND before."key" = now."key"
     WHERE rule_id = NEW.rule_id AND spki_sha256 = NEW.spki_sha256 AND before.row IS NOT now.row;
END;
CREATE TRIGGER pin_delete_keeps BEFORE DELETE ON pin BEGIN
    INSERT INTO rule_history ("table", "key", old)
    SELECT 'pin', "key", row FROM pin_row WHERE rule_id = OLD.rule_id AND spki_sha256 = OLD.spki_sha256;
    DELETE FROM rule_history_before WHERE "table" = 'pin' AND "key" = OLD.rule_id || ' ' || OLD.spki_sha256;
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
        WHEN 'setting' THEN (SELECT now.row FROM setting_row AS now WHERE name = "key")
        WHEN 'pin' THEN (SELECT now.row FROM pin_row AS now
             WHERE rule_id = CAST(restore_plan."key" AS INTEGER)
               AND spki_sha256 = substr(restore_plan."key", instr(restore_plan."key", ' ') + 1)) END;

    -- An entry that is older than a column does not know it: then every group enforced, and every chain was checked.
    REPLACE INTO client_group (id, name, comment, mode)
    SELECT row ->> 'id', row ->> 'name', row ->> 'comment', coalesce(row ->> 'mode', 'enforce')
      FROM restore_plan WHERE "table" = 'client_group' AND row IS NOT NULL;
    DELETE FROM rule WHERE id IN (SELECT "key" FROM restore_plan WHERE "table" = 'rule' AND row IS NULL);
    REPLACE INTO rule (id, target, action, enabled, expires_at, comment, created_at, clients, widen, connect_to, verify)
    SELECT row ->> 'id', row ->> 'target', row ->> 'action', row ->> 'enabled', row ->> 'expires_at', row ->> 'comment',
           row ->> 'created_at', row ->> 'clients', row ->> 'widen', row ->> 'connect_to', coalesce(row ->> 'verify', 'chain')
      FROM restore_plan WHERE "table" = 'rule' AND row IS NOT NULL;
    DELETE FROM pin WHERE rule_id || ' ' || spki_sha256 IN
        (SELECT "key" FROM restore_plan WHERE "table" = 'pin' AND row IS NULL);
    REPLACE INTO pin (rule_id, spki_sha256, mode, expires_at, comment)
    SELECT row ->> 'rule_id', row ->> 'spki_sha256', row ->> 'mode', row ->> 'expires_at', row ->> 'comment'
      FROM restore_plan WHERE "table" = 'pin' AND row IS NOT NULL;
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
