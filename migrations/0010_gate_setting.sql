-- 0010 gate settings: how long connections through the gate may take, how many there may be, and what of ECH.

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
        WHEN NEW.name IN ('max_connections', 'max_connections_per_client', 'max_handshakes_per_client') THEN
            CASE WHEN NEW.value = '' OR NEW.value GLOB '*[^0-9]*' OR length(NEW.value) > 8 OR CAST(NEW.value AS INTEGER) > 10000000 THEN
                RAISE(ABORT, 'max_connections, max_connections_per_client and max_handshakes_per_client are counts: type a whole number from 0 to 10000000') END
        WHEN NEW.name = 'ech' THEN
            CASE WHEN NEW.value NOT IN ('allow', 'deny') THEN
                RAISE(ABORT, 'ech is not known: type ''allow'' or ''deny''') END
        ELSE
            RAISE(ABORT, 'there is no such setting: SELECT name FROM setting shows them all')
    END;
END;
CREATE TRIGGER setting_delete_explains_gate BEFORE DELETE ON setting BEGIN
    SELECT CASE OLD.name
        WHEN 'hello_seconds' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''10'' WHERE name = ''hello_seconds''')
        WHEN 'connect_seconds' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''10'' WHERE name = ''connect_seconds''')
        WHEN 'answer_seconds' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''30'' WHERE name = ''answer_seconds''')
        WHEN 'idle_seconds' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''3600'' WHERE name = ''idle_seconds''')
        WHEN 'max_connections' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''0'' WHERE name = ''max_connections''')
        WHEN 'max_connections_per_client' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''0'' WHERE name = ''max_connections_per_client''')
        WHEN 'max_handshakes_per_client' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''50000'' WHERE name = ''max_handshakes_per_client''')
        WHEN 'ech' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''allow'' WHERE name = ''ech''')
    END;
END;

-- Pinhole's own connection can't set off the triggers that keep the history (0007), so this writes what they would.
DROP TRIGGER setting_insert_remembers;
DROP TRIGGER setting_insert_keeps;
INSERT INTO setting (name, value) VALUES
    ('hello_seconds', '10'),                  -- seconds that a client has to say its ClientHello
    ('connect_seconds', '10'),                -- seconds that reaching the server may take, once its addresses are known
    ('answer_seconds', '30'),                 -- seconds that the server has to give its first answer
    ('idle_seconds', '3600'),                 -- seconds without a byte after which a connection is closed; '0': never
    ('max_connections', '0'),                 -- connections through the gate at a time; '0': as many as there are file descriptors for
    ('max_connections_per_client', '0'),      -- of them from one address; '0': no fewer, since many clients may share an address
    ('max_handshakes_per_client', '50000'),   -- connections that one address may begin in a second; '0': any number
    ('ech', 'allow');                         -- whether a ClientHello may have the extension encrypted_client_hello: 'allow' or 'deny'
INSERT INTO rule_history ("table", "key", new)
SELECT 'setting', name, '{"name":"' || name || '","value":"' || value || '"}' FROM setting
 WHERE name IN ('hello_seconds', 'connect_seconds', 'answer_seconds', 'idle_seconds', 
    'max_connections', 'max_connections_per_client', 'max_handshakes_per_client', 'ech');
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
