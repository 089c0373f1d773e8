-- Tables for what telegraf.conf writes, in TimescaleDB (PostgreSQL with its extension). Call once: psql edgectl -f timescale.sql
-- Times are those of the value, with time zone; units are columns. NULL is "no number", never nought.

CREATE TABLE IF NOT EXISTS tag (
    time timestamptz NOT NULL,
    reactor text NOT NULL,
    tag text NOT NULL,
    unit text NOT NULL,
    value double precision,
    quality text NOT NULL,       -- GOOD UNCERTAIN BAD
    reason text,
    age_s double precision,      -- age of the value when it was judged
    historical boolean NOT NULL, -- recorded while the broker was away
    seq double precision         -- number of the record in the unit's journal
);

CREATE TABLE IF NOT EXISTS loop (
    time timestamptz NOT NULL,
    reactor text NOT NULL,
    loop text NOT NULL,
    unit text NOT NULL,
    mode text NOT NULL,          -- OOS MAN AUTO CAS
    setpoint double precision,
    value double precision,
    output double precision,
    condition text NOT NULL,
    in_band boolean NOT NULL,
    health text,                 -- good watch bad unknown; NULL of a loop with health: off
    health_line text,
    historical boolean NOT NULL,
    seq double precision
);

CREATE TABLE IF NOT EXISTS actuator (
    time timestamptz NOT NULL,
    reactor text NOT NULL,
    actuator text NOT NULL,
    unit text NOT NULL,
    value double precision,      -- allowed
    demanded double precision,
    source text,
    restricted_by text,
    historical boolean NOT NULL,
    seq double precision
);

CREATE TABLE IF NOT EXISTS event (
    time timestamptz NOT NULL,
    reactor text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    before text,
    after text,
    actor text,
    reason text,
    "from" text,                 -- these three of missing or deleted records only
    "to" text,
    count double precision,
    historical boolean NOT NULL,
    seq double precision
);

CREATE INDEX IF NOT EXISTS tag_of ON tag (reactor, tag, time DESC);
CREATE INDEX IF NOT EXISTS loop_of ON loop (reactor, loop, time DESC);
CREATE INDEX IF NOT EXISTS actuator_of ON actuator (reactor, actuator, time DESC);
CREATE INDEX IF NOT EXISTS event_of ON event (reactor, time DESC);

-- After a cut the unconfirmed tail comes twice: reports read these.
CREATE OR REPLACE VIEW tag_once AS SELECT DISTINCT ON (reactor, tag, time, seq) * FROM tag ORDER BY reactor, tag, time, seq, historical;
CREATE OR REPLACE VIEW loop_once AS SELECT DISTINCT ON (reactor, loop, time, seq) * FROM loop ORDER BY reactor, loop, time, seq, historical;
CREATE OR REPLACE VIEW actuator_once AS SELECT DISTINCT ON (reactor, actuator, time, seq) * FROM actuator ORDER BY reactor, actuator, time, seq, historical;
CREATE OR REPLACE VIEW event_once AS SELECT DISTINCT ON (reactor, kind, subject, time, seq) * FROM event ORDER BY reactor, kind, subject, time, seq, historical;

-- From here on TimescaleDB is needed; without it the tables are ordinary ones.
SELECT create_hypertable('tag', 'time', chunk_time_interval => interval '1 day', if_not_exists => TRUE);
SELECT create_hypertable('loop', 'time', chunk_time_interval => interval '1 day', if_not_exists => TRUE);
SELECT create_hypertable('actuator', 'time', chunk_time_interval => interval '1 day', if_not_exists => TRUE);
SELECT create_hypertable('event', 'time', chunk_time_interval => interval '7 days', if_not_exists => TRUE);
