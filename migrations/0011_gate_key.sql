-- 0011 gate_key: with a range of gate addresses, a name's own address is a hash of the name under this key. It is made
-- once, here. Whoever has the key can tell which name has which address, and no more.
CREATE TABLE gate_key (
    id         INTEGER PRIMARY KEY CONSTRAINT gate_key_is_one CHECK (id = 1),
    "key"      TEXT    NOT NULL CONSTRAINT gate_key_is_32_hex_digits CHECK (length("key") = 32 AND "key" NOT GLOB '*[^0-9a-f]*'),
    generation INTEGER NOT NULL DEFAULT 1           -- raised with each new key, to say that it is meant
) STRICT;
INSERT INTO gate_key (id, "key") VALUES (1, lower(hex(randomblob(16))));

-- All names move with the key, so nobody shall change it by mistake.
CREATE TRIGGER gate_key_insert_explains BEFORE INSERT ON gate_key BEGIN
    SELECT RAISE(ABORT, 'there is a gate key, and each name''s address hangs on it: if all are to move, type UPDATE gate_key SET key = lower(hex(randomblob(16))), generation = generation + 1')
     WHERE EXISTS (SELECT 1 FROM gate_key);
    SELECT RAISE(ABORT, 'the gate key is one row of 32 hex digits: type INSERT INTO gate_key (id, key) VALUES (1, lower(hex(randomblob(16))))')
     WHERE NEW.id IS NOT 1 OR length(NEW."key") <> 32 OR NEW."key" GLOB '*[^0-9a-f]*';
END;
CREATE TRIGGER gate_key_update_explains BEFORE UPDATE ON gate_key BEGIN
    SELECT CASE WHEN NEW.generation IS NOT OLD.generation + 1 THEN
            RAISE(ABORT, 'each name''s address hangs on the gate key: if all are to move, type UPDATE gate_key SET key = lower(hex(randomblob(16))), generation = generation + 1')
        WHEN NEW.id <> 1 OR length(NEW."key") <> 32 OR NEW."key" GLOB '*[^0-9a-f]*' THEN
            RAISE(ABORT, 'the gate key is 32 hex digits in lower case: type them, or lower(hex(randomblob(16))) for a new one')
    END;
END;
CREATE TRIGGER gate_key_delete_explains BEFORE DELETE ON gate_key BEGIN
    SELECT RAISE(ABORT, 'the gate key can''t be deleted, because each name''s address hangs on it; for a new one, with which all move, type UPDATE gate_key SET key = lower(hex(randomblob(16))), generation = generation + 1');
END;
CREATE TRIGGER gate_key_insert_logs AFTER INSERT ON gate_key BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('gate_key', NEW.id);
END;
CREATE TRIGGER gate_key_update_logs AFTER UPDATE ON gate_key BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('gate_key', NEW.id);
END;
