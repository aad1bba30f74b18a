-- 0015 search_domains: what clients put behind names, by the "search" line of their resolv.conf. A name below one of these that
-- no rule names exactly is what a search list made of another: it does not exist, and is no denial.

-- What is wrong with its value is said here, apart from the other settings.
CREATE VIEW explain_search_domains (value, domain) AS SELECT '', '' WHERE 0;
CREATE TRIGGER explain_search_domains_insert INSTEAD OF INSERT ON explain_search_domains BEGIN
    SELECT CASE
        WHEN NEW.value GLOB '*[^A-Za-z0-9._, -]*' OR length(CAST(NEW.value AS BLOB)) <> length(NEW.value)
                OR NEW.domain GLOB '*,' OR NEW.domain GLOB ',*' OR NEW.domain GLOB '*,,*' OR NEW.value <> '' AND trim(NEW.value) = ''
                OR trim(replace(replace(NEW.value, ', ', ','), ' ,', ',')) GLOB '* *'
                OR ',' || NEW.domain GLOB '*,[.-]*' OR NEW.domain || ',' GLOB '*[.-],*' OR NEW.domain GLOB '*..*' THEN
            RAISE(ABORT, 'search_domains is a list of names: type them with commas between and without a final dot, as in ''svc.cluster.local, corp.example'', or '''' for none')
        WHEN length(NEW.domain) - length(replace(NEW.domain, ',', '')) >= 32 OR length(NEW.value) > 4000 THEN
            RAISE(ABORT, 'search_domains has too many names: type 32 at most')
    END;
END;

DROP TRIGGER setting_insert_explains;
CREATE TRIGGER setting_insert_explains BEFORE INSERT ON setting WHEN NEW.name IS NOT 'search_domains' BEGIN
    INSERT INTO explain_setting (name, value) VALUES (NEW.name, NEW.value);
END;
CREATE TRIGGER setting_insert_explains_search_domains BEFORE INSERT ON setting WHEN NEW.name = 'search_domains' BEGIN
    INSERT INTO explain_search_domains (value, domain) VALUES (NEW.value, replace(NEW.value, ' ', ''));
END;
DROP TRIGGER setting_update_explains;
CREATE TRIGGER setting_update_explains BEFORE UPDATE ON setting BEGIN
    SELECT RAISE(ABORT, 'a setting keeps its name: change its value, as in UPDATE setting SET value = ''60'' WHERE name = ''answer_ttl''')
     WHERE NEW.name <> OLD.name;
    INSERT INTO explain_setting (name, value) SELECT NEW.name, NEW.value WHERE NEW.name <> 'search_domains';
    INSERT INTO explain_search_domains (value, domain) SELECT NEW.value, replace(NEW.value, ' ', '') WHERE NEW.name = 'search_domains';
END;
CREATE TRIGGER setting_delete_explains_search_domains BEFORE DELETE ON setting WHEN OLD.name = 'search_domains' BEGIN
    SELECT RAISE(ABORT, 'a setting can''t be deleted: for its default type UPDATE setting SET value = '''' WHERE name = ''search_domains''');
END;

-- Pinhole's own connection can't set off the triggers that keep the history (0007), so this writes what they would.
DROP TRIGGER setting_insert_remembers;
DROP TRIGGER setting_insert_keeps;
INSERT INTO setting (name, value) VALUES
    ('search_domains', '');                   -- names, separated by commas, that clients' search lists put behind others
INSERT INTO rule_history ("table", "key", new)
SELECT 'setting', name, '{"name":"' || name || '","value":"' || value || '"}' FROM setting WHERE name = 'search_domains';
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
