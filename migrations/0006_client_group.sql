-- 0006 client groups: whom a rule is for. A client belongs to every group that has a network around its address, and
-- always to 'any'.
CREATE TABLE client_group (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that a rule never inherits a deleted group
    name    TEXT NOT NULL,
    comment TEXT,
    CONSTRAINT client_group_name_is_a_word CHECK (length(name) BETWEEN 1 AND 63 AND name NOT GLOB '*[^A-Za-z0-9._-]*')
) STRICT;
CREATE UNIQUE INDEX client_group_name_is_unique ON client_group (name);
INSERT INTO client_group (id, name, comment) VALUES (1, 'any', 'every client');

CREATE TABLE client_network (
    client_group TEXT NOT NULL,
    cidr         TEXT NOT NULL,                 -- 10.1.0.0/16, fd00::/8, or one address
    PRIMARY KEY (client_group, cidr),
    CONSTRAINT client_network_cidr_looks_like_one CHECK (length(cidr) BETWEEN 2 AND 49
        AND cidr NOT GLOB '*[^0-9A-Fa-f.:/]*' AND (cidr GLOB '*.*' OR cidr GLOB '*:*'))
) STRICT, WITHOUT ROWID;

ALTER TABLE rule ADD COLUMN clients TEXT NOT NULL DEFAULT 'any'
    CONSTRAINT rule_clients_is_a_group_name CHECK (length(clients) BETWEEN 1 AND 63);
DROP INDEX rule_target_is_unique;
CREATE UNIQUE INDEX rule_target_is_unique_for_its_clients ON rule (target, clients);
CREATE INDEX rule_by_clients ON rule (clients) WHERE clients <> 'any';

-- Groups.
CREATE TRIGGER client_group_insert_explains BEFORE INSERT ON client_group BEGIN
    SELECT RAISE(ABORT, 'a group''s name is one word of at most 63 letters, digits, dots, hyphens and underscores: type one, as in build-runners')
     WHERE NEW.name = '' OR length(NEW.name) > 63 OR NEW.name GLOB '*[^A-Za-z0-9._-]*';
    SELECT RAISE(ABORT, 'a group of another name has that id: leave the id out, SQLite gives one')
     WHERE EXISTS (SELECT 1 FROM client_group WHERE id = NEW.id AND name <> NEW.name);
END;
CREATE TRIGGER client_group_update_explains BEFORE UPDATE ON client_group BEGIN
    SELECT CASE WHEN NEW.id <> OLD.id THEN
            RAISE(ABORT, 'a group keeps its id: leave it as it is')
        WHEN NEW.name <> OLD.name THEN
            RAISE(ABORT, 'a group keeps its name, because rules and networks say it: add a new group, then UPDATE rule SET clients, UPDATE client_network SET client_group, and delete the old one')
    END;
END;
CREATE TRIGGER client_group_delete_explains BEFORE DELETE ON client_group BEGIN
    SELECT CASE WHEN OLD.name = 'any' THEN
            RAISE(ABORT, 'the group ''any'' is every client and can''t be deleted')
        WHEN EXISTS (SELECT 1 FROM rule WHERE clients = OLD.name AND clients <> 'any') THEN
            RAISE(ABORT, 'rules still name this group: delete them first, or UPDATE rule SET clients = another group')
    END;
END;
CREATE TRIGGER client_group_insert_logs AFTER INSERT ON client_group BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('client_group', NEW.name);
END;
CREATE TRIGGER client_group_delete_logs AFTER DELETE ON client_group BEGIN
    DELETE FROM client_network WHERE client_group = OLD.name;
    INSERT INTO policy_change ("table", "key") VALUES ('client_group', OLD.name);
END;

-- Networks.
CREATE VIEW explain_network (client_group, cidr) AS SELECT '', '' WHERE 0;
CREATE TRIGGER explain_network_insert INSTEAD OF INSERT ON explain_network BEGIN
    SELECT CASE
        WHEN NEW.client_group = 'any' THEN
            RAISE(ABORT, 'the group ''any'' is every client and takes no network: name another group')
        WHEN NOT EXISTS (SELECT 1 FROM client_group WHERE name = NEW.client_group) THEN
            RAISE(ABORT, 'there is no group of that name: make it first, as in INSERT INTO client_group (name) VALUES (''build-runners'')')
        WHEN NEW.cidr GLOB '*[^0-9A-Fa-f.:/]*' OR NOT (NEW.cidr GLOB '*.*' OR NEW.cidr GLOB '*:*') OR NEW.cidr GLOB '*/*/*' THEN
            RAISE(ABORT, 'cidr is a network: type it as in 10.1.0.0/16 or fd00:1::/32, or one address')
        WHEN NEW.cidr NOT GLOB '*:*' AND NEW.cidr GLOB '*/*' AND (NEW.cidr GLOB '*/' OR NEW.cidr GLOB '*/*[^0-9]*'
             OR CAST(substr(NEW.cidr, instr(NEW.cidr, '/') + 1) AS INTEGER) > 32) THEN
            RAISE(ABORT, 'cidr has a bad prefix length: after the slash stands a number from 0 to 32, as in 10.1.0.0/16')
        WHEN NEW.cidr GLOB '*:*/*' AND (NEW.cidr GLOB '*/' OR NEW.cidr GLOB '*/*[^0-9]*'
             OR CAST(substr(NEW.cidr, instr(NEW.cidr, '/') + 1) AS INTEGER) > 128) THEN
            RAISE(ABORT, 'cidr has a bad prefix length: after the slash stands a number from 0 to 128, as in fd00:1::/32')
    END;
END;
CREATE TRIGGER client_network_insert_explains BEFORE INSERT ON client_network BEGIN
    INSERT INTO explain_network (client_group, cidr) VALUES (NEW.client_group, NEW.cidr);
END;
CREATE TRIGGER client_network_update_explains BEFORE UPDATE ON client_network BEGIN
    INSERT INTO explain_network (client_group, cidr) VALUES (NEW.client_group, NEW.cidr);
END;
CREATE TRIGGER client_network_insert_logs AFTER INSERT ON client_network BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('client_network', NEW.client_group);
END;
CREATE TRIGGER client_network_update_logs AFTER UPDATE ON client_network BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('client_network', NEW.client_group);
END;
CREATE TRIGGER client_network_delete_logs AFTER DELETE ON client_network BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('client_network', OLD.client_group);
END;

-- Rules.
CREATE TRIGGER rule_insert_explains_clients BEFORE INSERT ON rule WHEN NEW.clients <> 'any' BEGIN
    SELECT RAISE(ABORT, 'clients names no group: make it first, as in INSERT INTO client_group (name) VALUES (''build-runners''), or type ''any''')
     WHERE NOT EXISTS (SELECT 1 FROM client_group WHERE name = NEW.clients);
END;
CREATE TRIGGER rule_update_explains_clients BEFORE UPDATE OF clients ON rule WHEN NEW.clients <> 'any' BEGIN
    SELECT RAISE(ABORT, 'clients names no group: make it first, as in INSERT INTO client_group (name) VALUES (''build-runners''), or type ''any''')
     WHERE NOT EXISTS (SELECT 1 FROM client_group WHERE name = NEW.clients);
END;
CREATE TRIGGER rule_update_logs_clients AFTER UPDATE OF clients ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
    UPDATE rule SET updated_at = CAST(strftime('%s', 'now') AS INTEGER)
     WHERE id = NEW.id AND updated_at = OLD.updated_at;
END;

-- A row that REPLACE pushes out now has the same target and the same clients.
DROP TRIGGER rule_insert_logs_replaced;
CREATE TRIGGER rule_insert_logs_replaced BEFORE INSERT ON rule BEGIN
    INSERT INTO policy_change ("table", "key")
    SELECT 'rule', id FROM rule WHERE target = NEW.target AND clients = coalesce(NEW.clients, 'any');
END;
DROP TRIGGER rule_update_logs_replaced;
CREATE TRIGGER rule_update_logs_replaced BEFORE UPDATE OF id, target, clients ON rule BEGIN
    INSERT INTO policy_change ("table", "key")
    SELECT 'rule', id FROM rule WHERE (target = NEW.target AND clients = NEW.clients OR id = NEW.id) AND id <> OLD.id;
END;
