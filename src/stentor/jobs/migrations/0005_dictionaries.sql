CREATE TABLE dictionaries (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    owner       TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT,
    created_ms  INTEGER NOT NULL, -- since the epoch
    archived_ms INTEGER           -- set once its owner has deleted it
) STRICT;

CREATE INDEX dictionaries_listed ON dictionaries (owner, number) WHERE archived_ms IS NULL;
CREATE INDEX dictionaries_archived ON dictionaries (archived_ms) WHERE archived_ms IS NOT NULL;

CREATE TABLE dictionary_versions (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    dictionary  INTEGER NOT NULL REFERENCES dictionaries ON DELETE CASCADE,
    created_ms  INTEGER NOT NULL,
    rules_count INTEGER NOT NULL,
    rules       BLOB    NOT NULL  -- JSON, and last: what comes after a large value is read through it
) STRICT;

CREATE INDEX dictionary_versions_of ON dictionary_versions (dictionary, number);

CREATE TRIGGER dictionary_versions_stay BEFORE UPDATE ON dictionary_versions
BEGIN
    SELECT raise(ABORT, 'a version of a dictionary never changes');
END;
