-- The gate replica_lag beside a standby that streams: late, hidden, gone.
local cluster = require "spec.support.cluster"
local run = require "spec.support.run"
local session = require "spec.support.session"

local POLICY = "policy { replica_lag = '%s', override = { replica_lag = 'boss' } }\n"

describe("the gate replica_lag", function()
  local pg, standby, url

  setup(function()
    pg = cluster.new { settings = { "wal_level=replica", "max_wal_senders=5" } }
    standby = pg:standby { "wal_receiver_status_interval=1" }
    pg:sql(
      "postgres",
      "CREATE ROLE plain LOGIN; CREATE ROLE boss; CREATE ROLE seeing LOGIN; GRANT pg_read_all_stats TO seeing"
    )
  end)

  local function wait(sql, wanted)
    session.wait_until(pg:url(), ("SELECT (%s)::text FROM pg_stat_replication"):format(sql), wanted)
  end

  local function fresh()
    local name
    url, name = pg:database()
    pg:sql(
      url,
      ("GRANT ALL ON SCHEMA public TO plain, seeing; GRANT CREATE ON DATABASE %s TO plain, seeing"):format(name)
    )
  end

  before_each(function()
    wait("count(*) = 1 AND bool_and(state = 'streaming' AND replay_lsn IS NOT NULL)", "true")
    fresh()
  end)

  local function deploy(limit, role, ...)
    local dir = run.project {
      ["scripts/migrations/1_t.sql"] = "CREATE TABLE t ();\n",
      ["scripts/policies/all.lua"] = POLICY:format(limit),
    }
    return run(
      { "deploy", ... },
      { cwd = dir, env = { DATABASE_URL = url:gsub("user=postgres", "user=" .. role), NO_COLOR = "1" } }
    )
  end

  local function tables()
    return pg:sql(url, "SELECT count(*) FROM pg_class WHERE relname = 't'")
  end

  local function passes(...)
    local r = deploy(...)
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal("1", tables())
    return r.err
  end

  local function refuses(text, ...)
    local r = deploy(...)
    assert.equal(5, r.code, r.out .. r.err)
    assert.matches(text, r.err, 1, true)
    assert.equal("0", tables())
    return r.err
  end

  it("lets pass where the standby keeps up, without a word", function()
    wait("max(pg_current_wal_lsn() - replay_lsn) < 1000", "true")
    assert.not_matches("replica", passes("1h", "seeing"))
  end)

  it("refuses where it is late, until it has caught up", function()
    standby:sql("postgres", "SELECT pg_wal_replay_pause()")
    pg:sql(url, "CREATE TABLE much AS SELECT generate_series(1, 1000)")
    wait("max(replay_lag) > '1 s'", "true")
    local err = refuses("replica_lag: a replica (walreceiver) is ", "500ms", "seeing")
    assert.matches("behind, and may be 500ms", err, 1, true)
    standby:sql("postgres", "SELECT pg_wal_replay_resume()")
    wait("max(replay_lag) < '1 s' OR max(replay_lag) IS NULL", "true")
    passes("1h", "seeing")
  end)

  it("refuses where there is one, and how late it is cannot be seen", function()
    local err = refuses("replica_lag: 1 replica, and plain may not see how far behind", "1h", "plain")
    assert.matches("-> GRANT pg_read_all_stats TO plain", err, 1, true)
    refuses("plain may not override the gate replica_lag", "1h", "plain", "--override", "replica_lag", "--reason", "x")
    pg:sql("postgres", "GRANT boss TO plain")
    assert.matches(
      "replica_lag is overridden",
      passes("1h", "plain", "--override", "replica_lag", "--reason", "it is idle"),
      1,
      true
    )
  end)

  it("says that nothing is seen where there is none, to a role that does not see all", function()
    standby:stop "fast"
    finally(function()
      standby:start()
    end)
    wait("count(*)", "0")
    local err = passes("1h", "plain")
    assert.matches("WARN", err, 1, true)
    assert.matches("replica_lag: no replica is seen, but plain does not see all", err, 1, true)
    assert.matches("-> GRANT pg_read_all_stats TO plain", err, 1, true)
    fresh()
    assert.not_matches("replica", passes("1h", "postgres"))
  end)
end)
