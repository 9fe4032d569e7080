"""The tables of a view: what is remembered, every version, words, holds, and how far it is read."""

from pathlib import Path
from typing import Final

from handrail.store.sqlite import Database

#: Empties the index of words at once, whatever is in it: row by row it takes 1 ms for each.
WORDS_ANEW: Final = """
    DROP TABLE words;
    CREATE VIRTUAL TABLE words USING fts5 (
        own, around, tokenize = 'porter unicode61 remove_diacritics 2'
    );
    INSERT INTO words (words, rank) VALUES ('hashsize', 16777216);
"""
#: Whether what is changed from now on leaves no deleted word behind in the index. What was changed
#: before is written first, as it was set then (SQLite 3.54).
CLEAN_WORDS: Final = "INSERT INTO words (words, rank) VALUES ('secure-delete', ?)"
#: From how many pieces of the index on some are merged with each change; 0: they never are.
MERGES: Final = "INSERT INTO words (words, rank) VALUES ('automerge', ?)"
MERGES_FROM: Final = 4  #: as FTS5 has it by itself

#: Whoever changes what is folded appends a layout that empties every table, so that files fold
#: anew by themselves. What it empties leaves no words behind in the file either.
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
    f"""
    PRAGMA secure_delete = on;
    DELETE FROM position; DELETE FROM seen; DELETE FROM taken; DELETE FROM scope;
    DELETE FROM record; DELETE FROM version; {WORDS_ANEW}
    UPDATE beginning SET token = hex(randomblob(8));
    UPDATE state SET current_ms = 0, purge_due = 1, unreadable = 0;
    CREATE TABLE hold (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, subject TEXT NOT NULL,
        by TEXT NOT NULL, reason TEXT NOT NULL, since_ms INTEGER NOT NULL,
        PRIMARY KEY (topic, partition, subject)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX version_written ON version (written_ms);
    """,  # noqa: S608  # texts of our own
    """
    INSERT INTO words (words, rank) VALUES ('secure-delete', 0);
    UPDATE state SET purge_due = 1;
    """,
)

#: What a fold fills beside the words, and what is emptied to fold anew.
TABLES: Final = ("position", "seen", "taken", "scope", "record", "version", "hold")


def opened_beside(path: Path, *, checks_log: bool = True) -> Database:
    """Open a view's file beside whoever fills it. Raises StoreDamaged, and StoreUnusable.

    One that is damaged is left to them: set aside, it would lie where no forgetting reaches it.
    `checks_log` looks through all of its log, which is not for the event loop.
    """
    return Database.beside(path, LAYOUTS, checks_log=checks_log)


def clean_deletes(database: Database) -> Database:
    """Let nothing that is deleted stay behind in free pages, and spill nothing into other files."""
    # SQLite 3.54: both are settings of the connection.
    database.execute("PRAGMA secure_delete = on")
    database.execute("PRAGMA temp_store = memory")
    return database
