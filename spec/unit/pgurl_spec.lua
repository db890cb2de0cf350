local pgurl = require("native").pgurl

local CONFIG = 78

local function conninfo(url)
  local r, message = pgurl.read(url)
  return assert(r, message).conninfo
end

local function refused(url)
  local r, message, hint, kind = pgurl.read(url)
  assert.is_nil(r, url)
  assert.equal(CONFIG, kind)
  return message, hint or ""
end

describe("pgurl", function()
  -- First: the process keeps a limited number of secrets.
  it("registers the password, as written and as meant", function()
    refused("postgres://u:topf%40lap@h:x/d")
    assert.equal("a *** b *** c", pgurl.redacted("a topf%40lap b topf@lap c"))
    refused("mysql://u:kochl%C3%B6ffel@h/d")
    assert.equal("***", pgurl.redacted("kochl%C3%B6ffel"))
    conninfo("host=h password='schnee besen'")
    assert.equal("***", pgurl.redacted("schnee besen"))
    refused("postgres://u:quirl/stab@h/d")
    assert.equal("***", pgurl.redacted("quirl/stab"))
  end)

  it("reads a URL's parts", function()
    local r = pgurl.read("postgresql://anna:s3cret@db.example.org:5433/shop?connect_timeout=3")
    assert.equal("user='anna' password='s3cret' host='db.example.org' port='5433' dbname='shop' connect_timeout='3'", r.conninfo)
    assert.same({ "db.example.org", "5433", "shop", "anna" }, { r.host, r.port, r.database, r.user })
    assert.is_nil(r.dropped)
    assert.is_false(r.pooler_hint)
  end)

  it("reads short forms and spaces around", function()
    assert.equal("", conninfo("postgres://"))
    assert.equal("dbname='shop'", conninfo(" POSTGRES:///shop\n"))
    assert.equal("host='h'", conninfo("postgres://h"))
    assert.equal("user='u' host='h'", conninfo("postgres://u@h/"))
  end)

  it("reads several hosts, IPv6 and sockets", function()
    assert.equal("host='a,b' port='1,2' dbname='d'", conninfo("postgres://a:1,b:2/d"))
    assert.equal("host='a,b' port=',2'", conninfo("postgres://a,b:2"))
    assert.equal("host='::1,h' port='5,'", conninfo("postgres://[::1]:5,h"))
    assert.equal("host='/run/pg' dbname='d'", conninfo("postgres://%2Frun%2Fpg/d"))
    assert.equal("dbname='d' host='/run/pg'", conninfo("postgres:///d?host=/run/pg"))
    assert.equal("host='/run/pg' dbname='d'", conninfo("postgres://localhost/d?socket=/run/pg"))
  end)

  it("decodes what is encoded, and quotes it for libpq", function()
    assert.equal([[user='a@b' password='it\'s \\ 100%' host='h' dbname='x y']], conninfo("postgres://a%40b:it%27s%20%5C%20100%25@h/x%20y"))
  end)

  it("forgives special characters in a password where they can only be meant so", function()
    assert.equal("user='u' password='p@ss' host='h' dbname='d'", conninfo("postgres://u:p@ss@h/d"))
    assert.equal("user='u' password='p#ss' host='h' dbname='d'", conninfo("postgres://u:p#ss@h/d"))
    assert.equal("user='u' password='p?s=s&x' host='h' dbname='d'", conninfo("postgres://u:p?s=s&x@h/d"))
    assert.equal("user='u' password='a:b[c' host='h'", conninfo("postgres://u:a:b[c@h"))
  end)

  it("takes an @ among the parameters for what it is", function()
    assert.equal("host='h' port='5432' user='a@b'", conninfo("postgres://h:5432?user=a@b"))
    assert.equal("host='h' dbname='d' user='a@b'", conninfo("postgres://h/d?user=a@b"))
  end)

  it("names the part that is wrong, says how to write it, and never shows the text", function()
    for url, part in pairs {
      ["postgres://u:hunter2%zz@h/d"] = "password holds a %% that begins no encoded character",
      ["postgres://u:hunter2/x@h/d"] = "an @ behind its first /",
      ["postgres://u:hunter2/x@h"] = "an @ behind its first /",
      ["postgres://u:x@hunter2/y@h/d"] = "an @ behind its first /",
      ["postgres://u%:hunter2@h/d"] = "user holds",
      ["postgres://u:hunter2@h:54a/d"] = "port is no number",
      ["postgres://u:hunter2@[::1/d"] = "does not end with %]",
      ["postgres://u:hunter2@::1/d"] = "port is no number",
      ["postgres://u:hunter2@h/d%"] = "database name holds",
      ["postgres://u:hunter2@h/d?hunter2"] = 'without "="',
      ["postgres://u:hunter2@h/d?a b=hunter2"] = "parameters cannot be read",
      ["mysql://u:hunter2@h/d"] = "^mysql:// is not a PostgreSQL URL",
      ["host=h password=hunter2 secret"] = 'word without "="',
      ["host=h password='hunter2"] = "quote that is not closed",
      ["hunter2"] = "neither a PostgreSQL URL nor",
    } do
      local message, hint = refused(url)
      assert.matches(part, message, url)
      assert.is_nil((message .. hint):find("hunter2", 1, true), url)
      assert.not_equal("", hint, url)
    end
  end)

  it("tells how to write the URLs of other worlds", function()
    assert.matches('"jdbc:"', select(2, refused("jdbc:postgresql://h/d")))
    assert.matches("driver's name", select(2, refused("postgresql+asyncpg://u:p@h/d")))
    assert.matches("proxy", select(2, refused("prisma+postgres://accelerate.example.org/?api_key=x")))
    assert.matches("postgresql://user:password@host", select(2, refused("localhost:5432/d")))
    assert.matches("postgresql://user:password@host", select(2, refused("sqlite://x.db")))
  end)

  it("reads key=value strings, with libpq's quotes", function()
    assert.equal([[host='h' dbname='a b' user='it\'s']], conninfo([[host=h dbname = 'a b' user=it\'s]]))
    assert.equal("host='h' port='5432'", conninfo("host=h\n\tport='5432'"))
    assert.equal("app", pgurl.read("dbname=d schema=app").search_path)
  end)

  it("drops what other tools need and libpq refuses", function()
    local r = pgurl.read(
      "postgres://h/d?connection_limit=1&pool_timeout=0&statement_cache_size=0&socket_timeout=5"
        .. "&x-migrations-table=m&prepareThreshold=0&single_use_connections=true&uselibpqcompat=true&pool_max_conns=3"
    )
    assert.equal("host='h' dbname='d'", r.conninfo)
    assert.equal(
      "connection_limit, pool_timeout, statement_cache_size, socket_timeout, x-migrations-table, "
        .. "prepareThreshold, single_use_connections, uselibpqcompat, pool_max_conns",
      r.dropped
    )
    assert.is_false(r.pooler_hint)
  end)

  it("makes a search_path of schema= and search_path=", function()
    assert.equal("app", pgurl.read("postgres://h/d?schema=app").search_path)
    assert.equal('"My ""App"""', pgurl.read("postgres://h/d?schema=My%20%22App%22").search_path)
    assert.equal("a, public", pgurl.read("postgres://h/d?search_path=a,%20public").search_path)
    assert.is_nil(pgurl.read("postgres://h/d?schema=").search_path)
    assert.is_nil(pgurl.read("postgres://h/d").search_path)
  end)

  it("maps the TLS words of other worlds, and never weakens what is asked for", function()
    for query, mode in pairs {
      ["sslmode=no-verify"] = "require",
      ["sslmode=verify-full"] = "verify-full",
      ["ssl=true"] = "require",
      ["ssl=1"] = "require",
      ["ssl=false"] = "disable",
      ["ssl=no-verify"] = "require",
      ["sslaccept=strict"] = "verify-full",
      ["sslmode=require&sslaccept=strict"] = "verify-full",
      ["sslaccept=accept_invalid_certs"] = "require",
      ["sslmode=verify-full&ssl=true"] = "verify-full",
    } do
      assert.equal(("host='h' sslmode='%s'"):format(mode), conninfo("postgres://h?" .. query), query)
    end
  end)

  it("never weakens it in whatever order they come", function()
    assert.equal("host='h' sslmode='verify-full'", conninfo("postgres://h?ssl=true&sslmode=verify-full"))
    assert.equal("host='h' sslmode='verify-full'", conninfo("postgres://h?sslaccept=strict&sslmode=require"))
  end)

  it("knows a transaction pooler by what the URL says", function()
    for url, pooler in pairs {
      ["postgres://h/d?pgbouncer=true"] = true,
      ["postgres://h/d?pgbouncer=false"] = false,
      ["postgres://h:6543/d"] = true,
      ["postgres://a:5432,b:6543/d"] = true,
      ["postgres://h:65432/d"] = false,
      ["postgres://h/d?pool_mode=transaction"] = true,
      ["postgres://h/d?pool_mode=session"] = false,
      ["postgres://ep-x-pooler.example.org/d"] = true,
    } do
      assert.equal(pooler, pgurl.read(url).pooler_hint, url)
    end
    assert.equal("pgbouncer", pgurl.read("postgres://h/d?pgbouncer=true").dropped)
  end)

  it("names an unknown parameter and the nearest", function()
    local message, hint = refused("postgres://h/d?conect_timeout=3")
    assert.equal('the URL has a parameter that is not known: "conect_timeout"', message)
    assert.equal('did you mean "connect_timeout"?', hint)
    assert.matches('"hots"', (refused("hots=h dbname=d")))
  end)

  it("goes to another database of the same place", function()
    assert.equal([[host='h' dbname='d' dbname='a\'b']], pgurl.with_database("postgres://h/d", "a'b"))
  end)
end)
