"""The tables of a view: what is remembered, every version, words, holds, and how far it is read."""

from typing import Final

from handrail.store.sqlite import Database

#: Whoever changes what is folded appends a layout that empties every table, so that files fold
#: anew by themselves.
LAYOUTS: Final = (
    """
    CREATE TABLE beginning (token TEXT NOT NULL, namespace TEXT NOT NULL) STRICT;
    INSERT INTO beginning VALUES (hex(randomblob(8)), '');
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        current_ms INTEGER NOT NULL, purge_due INTEGER NOT NULL, unreadable INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, 0, 0, 0);
    CREATE TABLE position (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, "next" INTEGER NOT NULL,
        last INTEGER NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE seen (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, applied INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE taken (
        partition INTEGER PRIMARY KEY, applied INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE scope (
        id INTEGER PRIMARY KEY, space TEXT NOT NULL, owner TEXT NOT NULL, UNIQUE (space, owner)
    ) STRICT;
    CREATE TABLE record (
        id INTEGER PRIMARY KEY, space TEXT NOT NULL, "key" TEXT NOT NULL,
        source TEXT, place TEXT NOT NULL, expires_ms INTEGER NOT NULL, found INTEGER NOT NULL,
        stale INTEGER NOT NULL, sealed INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX record_key ON record (space, "key");
    CREATE INDEX record_source ON record (space, source, place) WHERE source IS NOT NULL;
    CREATE INDEX record_stale ON record (space, source, place) WHERE stale = 1;
    CREATE TABLE version (
        id INTEGER PRIMARY KEY, space TEXT NOT NULL, "key" TEXT NOT NULL,
        "offset" INTEGER NOT NULL, number INTEGER NOT NULL, written_ms INTEGER NOT NULL,
        sealed INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX version_key ON version (space, "key", "offset");
    CREATE VIRTUAL TABLE words USING fts5 (
        own, around, tokenize = 'porter unicode61 remove_diacritics 2'
    );
    INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
    INSERT INTO words (words, rank) VALUES ('hashsize', 16777216);
    """,
    """
    DELETE FROM position; DELETE FROM seen; DELETE FROM taken; DELETE FROM scope;
    DELETE FROM record; DELETE FROM version; DELETE FROM words;
    UPDATE beginning SET token = hex(randomblob(8));
    UPDATE state SET current_ms = 0, purge_due = 1, unreadable = 0;
    CREATE TABLE hold (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, subject TEXT NOT NULL,
        by TEXT NOT NULL, reason TEXT NOT NULL, since_ms INTEGER NOT NULL,
        PRIMARY KEY (topic, partition, subject)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX version_written ON version (written_ms);
    """,
)

#: What a fold fills, and what is emptied to fold anew.
TABLES: Final = ("position", "seen", "taken", "scope", "record", "version", "words", "hold")


def clean_deletes(database: Database) -> Database:
    """Let nothing that is deleted stay behind in free pages, and spill nothing into other files."""
    # SQLite 3.54: both are settings of the connection; FTS5's own setting lies in the file.
    database.execute("PRAGMA secure_delete = on")
    database.execute("PRAGMA temp_store = memory")
    return database
