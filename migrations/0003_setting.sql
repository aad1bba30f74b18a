-- 0003 setting: policy that is no rule. Every row is there from the start; change its value with UPDATE.
-- Without rowid, because REPLACE with a rowid could take away a row of another name.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT setting_ttl_is_0_to_86400 CHECK (name NOT IN ('answer_ttl', 'negative_ttl')
        OR (value NOT GLOB '*[^0-9]*' AND length(value) BETWEEN 1 AND 5 AND CAST(value AS INTEGER) <= 86400)),
    CONSTRAINT setting_deny_answer_is_nxdomain_or_refused CHECK (name <> 'deny_answer' OR value IN ('nxdomain', 'refused')),
    CONSTRAINT setting_allowed_private_networks_is_a_list CHECK (name <> 'allowed_private_networks'
        OR value NOT GLOB '*[^0-9A-Fa-f.:/, ]*')
) STRICT, WITHOUT ROWID;

INSERT INTO setting (name, value) VALUES
    ('answer_ttl', '30'),              -- seconds that clients keep the gate's address
    ('negative_ttl', '5'),             -- seconds that clients keep a denial
    ('deny_answer', 'nxdomain'),       -- how denied names are answered: 'nxdomain' or 'refused'
    ('allowed_private_networks', '');  -- CIDRs, separated by commas, that a server's address may lie in though it is private

-- Explains a value that can't be read. INSERT and UPDATE on `setting` send rows here; nothing is ever stored.
CREATE VIEW explain_setting (name, value) AS SELECT '', '' WHERE 0;

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
        ELSE
            RAISE(ABORT, 'there is no such setting: the settings are answer_ttl, negative_ttl, deny_answer and allowed_private_networks')
    END;
END;

CREATE TRIGGER setting_insert_explains BEFORE INSERT ON setting BEGIN
    INSERT INTO explain_setting (name, value) VALUES (NEW.name, NEW.value);
END;

CREATE TRIGGER setting_update_explains BEFORE UPDATE ON setting BEGIN
    SELECT RAISE(ABORT, 'a setting keeps its name: change its value, as in UPDATE setting SET value = ''60'' WHERE name = ''answer_ttl''')
     WHERE NEW.name <> OLD.name;
    INSERT INTO explain_setting (name, value) VALUES (NEW.name, NEW.value);
END;

CREATE TRIGGER setting_delete_explains BEFORE DELETE ON setting BEGIN
    SELECT CASE OLD.name
        WHEN 'answer_ttl' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''30'' WHERE name = ''answer_ttl''')
        WHEN 'negative_ttl' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''5'' WHERE name = ''negative_ttl''')
        WHEN 'deny_answer' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = ''nxdomain'' WHERE name = ''deny_answer''')
        WHEN 'allowed_private_networks' THEN
            RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = '''' WHERE name = ''allowed_private_networks''')
    END;
END;

CREATE TRIGGER setting_insert_logs AFTER INSERT ON setting BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('setting', NEW.name);
END;

CREATE TRIGGER setting_update_logs AFTER UPDATE ON setting BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('setting', NEW.name);
END;
