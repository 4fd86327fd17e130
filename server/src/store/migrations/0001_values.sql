-- What scripts keep: one value by mode, player and key. The mode's own values are those of the player ''.
CREATE TABLE script_values (
    mode TEXT NOT NULL,
    player TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Of the key and the value, as it counts.
    bytes INTEGER NOT NULL,
    -- JSON.
    value TEXT NOT NULL,
    PRIMARY KEY (mode, player, key)
) STRICT;

-- How much a player has in a mode, so that nothing has to be added up when a limit is looked at.
CREATE TABLE script_usage (
    mode TEXT NOT NULL,
    player TEXT NOT NULL,
    keys INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (mode, player)
) STRICT, WITHOUT ROWID;
