-- 0001 policy_change: what to read again. Triggers of the tables that make the policy append here; whoever keeps a
-- copy of the policy remembers how far it has read. Old rows are pruned by Pinhole.
CREATE TABLE policy_change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice in one file
    "table"  TEXT    NOT NULL,                    -- 'rule' or 'setting'
    "key"    ANY     NOT NULL,                    -- rule.id or setting.name
    stamp    INTEGER NOT NULL DEFAULT (random())  -- tells two files apart that count to the same sequence
) STRICT;
