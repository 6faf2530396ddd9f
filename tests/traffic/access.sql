-- The accounts' file of a branch. PINs: manager-1 480213, clerk-1 739105, clerk 739106; tokens: token-of-NAME.
BEGIN TRANSACTION;
CREATE TABLE account(
    name TEXT PRIMARY KEY, role TEXT NOT NULL, counter TEXT NOT NULL, kind TEXT NOT NULL, secret TEXT NOT NULL,
    made_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) STRICT;
INSERT INTO "account" VALUES('manager-1','manager','','pin','$argon2id$v=19$m=19456,t=2,p=1$4EssutjRo/DPhRNvr1gSSg$rbKsfoF2egkiiytT+TYXKznnZbA0G+LjORn00ZVhs90',1770000000,0);
INSERT INTO "account" VALUES('clerk-1','counter','1','pin','$argon2id$v=19$m=19456,t=2,p=1$R7hdA9gbI8m4flkbh2PG0Q$5ZcWhAw/mm0i2HB+i+hTMOMpHggm4ZO95n5wTXbncGg',1770000000,0);
INSERT INTO "account" VALUES('clerk','counter','','pin','$argon2id$v=19$m=19456,t=2,p=1$ClVXyPXW04tcGhAQiwFYrg$T8NNTcfZbnYFuWvgxYN+JOWoOeV7vcMFCIPA/URJqao',1770000000,0);
INSERT INTO "account" VALUES('hall','kiosk','','token','36981152304af50a39f5a10259fd02a4b8364b823c463324453ab00eff9674d5',1770000000,0);
INSERT INTO "account" VALUES('tv-1','screen','','token','3d3fc92dee3c2a737f2b22e56d49177557c24174280602c0e2a3a3b9acaff3e6',1770000000,0);
INSERT INTO "account" VALUES('tv-2','screen','','token','55570852ee2cd9e4b4fed586c8e41f4c3b0e8be5c1e27de015d36e5d79695d57',1770000000,0);
INSERT INTO "account" VALUES('robot','manager','','token','2a013eaad3d81d4286a104b67479a3fed2f1cf68d4c9a9933fee3a2beb4e354f',1770000000,0);
CREATE TABLE failure(who TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
INSERT INTO "secret" VALUES('pages',X'000000000000000000000000000000000000000000000000000000000000002A');
CREATE TABLE session(
    id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name) ON DELETE CASCADE,
    made_at INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX account_token ON account(secret) WHERE kind = 'token';
COMMIT;
