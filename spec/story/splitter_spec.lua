-- A text is cut into the statements that psql would send. The judge is the server's own log: every
-- .sql file that PostgreSQL installs goes through psql, and what arrived is compared with the cut.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local statement = require("native").statement

local function folder()
  local found
  for _, line in ipairs(place.lines "pg_config --sharedir 2>/dev/null; ls -d /usr/share/postgresql/*/ 2>/dev/null") do
    local dir = line:gsub("/$", "")
    if place.exists(dir .. "/information_schema.sql") then
      found = dir
    end
  end
  return assert(found, "no folder with PostgreSQL's .sql files")
end

local function files()
  local dir = folder()
  return place.lines(("ls %s/*.sql %s/extension/*.sql"):format(dir, dir))
end

-- Without psql's own lines: the scripts of extensions end psql by \quit.
local function plain(text)
  return (("\n" .. text):gsub("\n\\[^\n]*", "\n"):sub(2))
end

-- What each session was sent, from the server's log.
local function sent(log)
  local by_session = {}
  for line in io.lines(log) do
    local entry = json.decode(line)
    local text = entry and entry.message and entry.message:match "^statement: (.*)$"
    if entry and entry.error_severity == "ERROR" and entry.state_code == "42601" then
      text = entry.statement -- a text that cannot be parsed is not logged as a statement
    end
    if text then
      by_session[entry.application_name] = by_session[entry.application_name] or {}
      table.insert(by_session[entry.application_name], text)
    end
  end
  return by_session
end

-- psql leaves out comments before a statement and sends what follows it up to the semicolon, or
-- without one at the end; versions differ in the comments that they keep. Tokens are what counts.
local function same(a, b)
  return statement.tokens(a) == statement.tokens(b)
end

describe("the cut", function()
  it("sends what psql sends, for every .sql file that PostgreSQL installs", function()
    local log = place.folder()
    os.execute("chmod 777 " .. place.quoted(log))
    local pg = cluster.new {
      settings = {
        logging_collector = "on",
        log_destination = "jsonlog",
        log_directory = log,
        log_filename = "server.log",
        log_file_mode = "0644",
        log_statement = "all",
        log_min_error_statement = "error",
      },
    }
    local list, compared = files(), 0
    assert.is_true(#list > 100)
    local script = place.folder() .. "/text.sql"
    for i, path in ipairs(list) do
      place.write(script, plain(place.read(path)))
      os.execute(
        ("PGAPPNAME=cut%d psql -Xq -d %s -f %s >/dev/null 2>&1"):format(i, place.quoted(pg:url()), place.quoted(script))
      )
    end
    pg:stop()
    local logged = sent(log .. "/server.json")
    for i, path in ipairs(list) do
      local arrived = logged["cut" .. i] or {}
      local ours = assert(statement.cut(plain(place.read(path))))
      assert.equal(#arrived, #ours, path)
      for k, text in ipairs(arrived) do
        assert.is_true(same(text, ours[k].text), ("%s, statement %d:\n%s\n-- psql:\n%s"):format(path, k, ours[k].text, text))
        compared = compared + 1
      end
    end
    assert.is_true(compared > 3000, compared .. " statements")
  end)
end)
