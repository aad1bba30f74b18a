-- 0004 rule_status: what each rule became. Written by Pinhole, where it differs; read by people.
CREATE TABLE rule_status (
    rule_id  INTEGER PRIMARY KEY,
    state    TEXT NOT NULL CONSTRAINT rule_status_state_is_known
             CHECK (state IN ('active', 'refused', 'invalid', 'expired', 'disabled', 'shadowed')),
    hostname TEXT NOT NULL DEFAULT '',  -- the pattern in force, with its port where that is not 443
    reason   TEXT NOT NULL DEFAULT ''   -- one sentence; empty for an active rule
) STRICT;

-- Foreign keys are off in the sqlite3 shell.
CREATE TRIGGER rule_delete_takes_status AFTER DELETE ON rule BEGIN
    DELETE FROM rule_status WHERE rule_id = OLD.id;
END;

CREATE TRIGGER rule_update_takes_status AFTER UPDATE OF id ON rule WHEN OLD.id <> NEW.id BEGIN
    DELETE FROM rule_status WHERE rule_id = OLD.id;
END;
