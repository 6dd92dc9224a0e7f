-- The airline's business system: what `dataux demo` makes business/airline.db of.
-- Each table is filled from the CSV file of its name; NA is NULL.

CREATE TABLE airlines (
  carrier TEXT PRIMARY KEY,
  name    TEXT NOT NULL
);

CREATE TABLE planes (
  tailnum      TEXT PRIMARY KEY,
  year         INTEGER,
  type         TEXT,
  manufacturer TEXT,
  model        TEXT,
  engines      INTEGER,
  seats        INTEGER,
  speed        INTEGER,
  engine       TEXT
);

CREATE TABLE weather (
  origin     TEXT NOT NULL,
  year       INTEGER NOT NULL,
  month      INTEGER NOT NULL,
  day        INTEGER NOT NULL,
  hour       INTEGER NOT NULL,
  temp       REAL,
  dewp       REAL,
  humid      REAL,
  wind_dir   INTEGER,
  wind_speed REAL,
  wind_gust  REAL,
  precip     REAL,
  pressure   REAL,
  visib      REAL,
  time_hour  TEXT NOT NULL,
  PRIMARY KEY (origin, time_hour)
);
