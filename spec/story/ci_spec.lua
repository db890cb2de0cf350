-- The files of docs/ci are meant to be copied: every command in them is one that Stint has, and what they do is done here.
local cluster = require "spec.support.cluster"
local process = require("native").process
local place = require "spec.support.place"
local run = require "spec.support.run"

local FOLDER = "docs/ci/"

local function files()
  return place.lines("ls " .. FOLDER)
end

-- What a shell makes of it, up to the end of the command; a variable stays as it is written.
local function words_of(text)
  local words, word, quote = {}, nil, nil
  for c in text:gmatch "." do
    if quote then
      quote = c ~= quote and quote or nil
      word = quote and word .. c or word
    elseif c == '"' or c == "'" then
      quote, word = c, word or ""
    elseif c:find "[;&|>#]" then
      break
    elseif c:find "%s" then
      words[#words + 1], word = word, nil
    else
      word = (word or "") .. c
    end
  end
  words[#words + 1] = word
  return words
end

-- Each command of a text, with its line: a word `stint`, by itself or at the end of a path, outside of comments.
local function commands_of(text)
  local list, number = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local from = not line:find "^%s*#" and not line:find "name:" and line:find "%f[%w]stint%s+[%l%-]"
    if from then
      list[#list + 1] = { line = number, words = words_of(line:sub(from + #"stint")) }
    end
  end
  return list
end

describe("docs/ci", function()
  local UNITS = { ["vercel.json"] = true, ["stint-work.timer"] = true, ["stint-backup.timer"] = true, ["stint-prove.timer"] = true }

  for _, name in ipairs(files()) do
    it("says in " .. name .. " only what Stint understands", function()
      local commands = commands_of(place.read(FOLDER .. name))
      assert.equal(not UNITS[name], #commands > 0)
      for _, command in ipairs(commands) do
        local said = table.concat(command.words, " ")
        command.words[#command.words + 1] = "--help"
        local r = run(command.words)
        assert.equal(0, r.code, ("%s:%d: stint %s\n%s"):format(name, command.line, said, r.err))
      end
    end)
  end

  it("is told whole by docs/ci.md", function()
    local page = place.read "docs/ci.md"
    for _, name in ipairs(files()) do
      assert.truthy(page:find("(ci/" .. name .. ")", 1, true), name)
    end
  end)

  it("is checked by a spec that would find a wrong word", function()
    local commands = commands_of '      - run: stint -e production deploi --sumary "$X" && echo # no'
    assert.same({ "-e", "production", "deploi", "--sumary", "$X" }, commands[1].words)
    assert.equal(64, run({ "deploi", "--help" }).code)
    assert.equal(64, run({ "deploy", "--sumary", "x", "--help" }).code)
  end)
end)

-- The scripts of a pipeline's jobs: what stands behind `run:`, or in the list of `script:`. Not how stint is installed.
local function jobs_of(text)
  local jobs, job, block = {}, nil, nil
  local depth = text:find "\njobs:\n" and 2 or 0
  for line in text:gmatch "[^\n]+" do
    local indent = #line:match "^ *"
    if block and indent > block then
      jobs[job] = jobs[job] .. line:sub(indent + 1) .. "\n"
    else
      block = line:find "run: |$" and line:find "run: |$" - 1 or line:find "^ +script:" and indent or nil
      if indent == depth and line:find "^ *[%w-]+:$" then
        job = line:match "[%w-]+"
        jobs[job] = ""
      end
      local command = line:match "run: (stint.*)"
      if command then
        jobs[job] = jobs[job] .. command .. "\n"
      end
    end
  end
  for name, script in pairs(jobs) do
    jobs[name] = script:gsub("^%- ", ""):gsub("\n%- ", "\n"):gsub("git config.-stint%-source install\n", "")
  end
  return jobs
end

describe("what docs/ci does", function()
  local SECRET = ("0123456789abcdef"):rep(4)
  local pg, project, variables

  local function write(name, text)
    place.make((project .. "/" .. name):match "^(.*)/")
    place.write(project .. "/" .. name, text)
  end

  local function git(...)
    place.git(project, ...)
  end

  -- As a runner does: every line must succeed.
  local function sh(script, more)
    local env = { GITHUB_OUTPUT = project .. "/output", GITHUB_STEP_SUMMARY = project .. "/summary.md" }
    env.PATH = project .. "/bin:" .. os.getenv "PATH"
    for _, list in ipairs { variables, more or {} } do
      for name, value in pairs(list) do
        env[name] = value
      end
    end
    return run({ "-e", "-c", script }, { program = "/bin/sh", cwd = project, env = env })
  end

  local function does(script, more)
    local r = sh(script, more)
    assert.equal(0, r.code, script .. r.out .. r.err)
    return r
  end

  local function applied(url)
    return pg:sql(url, "SELECT coalesce(string_agg(name, ' ' ORDER BY id), '') FROM stint.migration WHERE state = 'applied'")
  end

  before_each(function()
    pg = cluster.get()
    variables = { STAGING_DATABASE_URL = pg:database(), DATABASE_URL = pg:database(), CHECK_URL = pg:database() }
    project = run.project {}
    assert.equal(0, run({ "init" }, { cwd = project }).code)
    write("bin/.keep", "")
    assert(os.execute(("env -u LD_PRELOAD ln -s %s %s/bin/stint"):format(run.binary, project)))
    write("scripts/policies/production.lua",
      "policy { environments = { 'production' }, applied_on = 'staging', backup = { max_age = '24h' }, reversible = true }\n")
    -- a branch that brings a file
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "before")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    variables.GITHUB_BASE_REF, variables.CI_MERGE_REQUEST_DIFF_BASE_SHA = "main", "origin/main"
    write("scripts/migrations/1_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n-- stint: down\nDROP TABLE users;\n")
    git("add", "-A")
    git("commit", "-qm", "users")
  end)

  for name, order in pairs {
    ["github-actions.yml"] = { "check", "staging", "promote", "production" },
    ["gitlab-ci.yml"] = { "migrations", "staging", "promote", "production" },
    ["vercel.yml"] = { [2] = "staging-database", [4] = "production-database" },
  } do
    it("takes a file from a pull request to production, by " .. name, function()
      local jobs = jobs_of(place.read(FOLDER .. name))
      local release = { STINT_RELEASE_KEY = SECRET }
      does("stint -q -e production backup")
      if order[1] then
        does(jobs[order[1]], { DATABASE_URL = variables.CHECK_URL })
        assert.equal("1_users", applied(variables.CHECK_URL))
      end
      -- production takes nothing that has not passed on staging
      local r = sh(jobs[order[3] or order[4]], release)
      assert.equal(5, r.code, r.out .. r.err)
      assert.matches("1_users never ran there", r.err, 1, true)
      does(jobs[order[2]])
      assert.equal("1_users", applied(variables.STAGING_DATABASE_URL))
      assert.equal("", applied(variables.DATABASE_URL))
      does((jobs[order[3]] or "") .. jobs[order[4]], release)
      assert.equal("1_users", applied(variables.DATABASE_URL))
      assert.equal("1", pg:sql(variables.DATABASE_URL, "SELECT count(*) FROM stint.event WHERE kind = 'released'"))
      local summary = place.read(project .. (name == "gitlab-ci.yml" and "/deploy.md" or "/summary.md"))
      assert.matches("1_users", summary, 1, true)
      -- nothing is left to promote: no record, and no trouble
      place.remove(project .. "/release.json")
      does((jobs[order[3]] or "") .. (order[3] == "promote" and name == "github-actions.yml" and "" or jobs[order[4]]), release)
      assert.is_false(place.exists(project .. "/release.json"))
    end)
  end

  it("is done by people with the Makefile", function()
    local make = "make -s -f " .. process.cwd() .. "/" .. FOLDER .. "Makefile "
    local staging, production = " ENV=staging", " ENV=production"
    variables.STINT_RELEASE_KEY = SECRET
    does(make .. "migrate ENV=staging", { STINT_URL = variables.CHECK_URL })
    does(make .. "deploy" .. staging)
    assert.matches("pending", does(make .. "status" .. production).out, 1, true)
    does(make .. "backup" .. production)
    does(make .. "plan" .. production)
    does(make .. "release")
    does(make .. "check" .. production)
    assert.equal("1_users", applied(variables.DATABASE_URL))
    does(make .. "release")
    pg:sql(variables.DATABASE_URL, "INSERT INTO users VALUES (1, 'anna')")
    does(make .. "backup" .. production)
    pg:sql(variables.DATABASE_URL, "DELETE FROM users")
    does(make .. "restore FILE=$(ls -t backups/*.dump | head -n 1) CONFIRM='--confirm production'" .. production)
    assert.equal("anna", pg:sql(variables.DATABASE_URL, "SELECT name FROM users"))
  end)

  -- Each command of a file, in this project.
  local function scheduled(name, pattern)
    local list = {}
    for command in place.read(FOLDER .. name):gmatch(pattern) do
      command = command:gsub("/etc/stint/production.env", project .. "/production.env"):gsub("/srv/app", project)
      list[#list + 1] = command:gsub("/var/backups/app", project .. "/kept"):gsub("/usr/local/bin/stint", "stint")
    end
    return list
  end

  local function environment_file()
    local lines = {}
    for variable, value in pairs(variables) do
      lines[#lines + 1] = ("%s='%s'\n"):format(variable, value)
    end
    write("production.env", table.concat(lines))
    write("config.ini", place.read(project .. "/config.ini"):gsub("%[project%]\n", "%0scratch = " .. pg:url():gsub("%%", "%%%%") .. "\n", 1))
    does "stint -q -e production --url \"$DATABASE_URL\" up --override backup --reason first || stint -q --url \"$DATABASE_URL\" up"
  end

  it("is done by cron", function()
    environment_file()
    pg:sql(variables.DATABASE_URL, "INSERT INTO users VALUES (1, 'anna')")
    local commands = scheduled("crontab", "\n%d[^\n]- app ([^\n]+)")
    assert.equal(4, #commands)
    for _, command in ipairs(commands) do
      does(command)
    end
    assert.equal("2|1", pg:sql(variables.DATABASE_URL, "SELECT count(*), count(proven_at) FROM stint.backup WHERE removed_at IS NULL"))
    assert.equal("anna", pg:sql(variables.STAGING_DATABASE_URL, "SELECT name FROM users"))
    -- and staging is staging
    write("scripts/migrations/2_more.sql", "CREATE TABLE more ();\n-- stint: down\nDROP TABLE more;\n")
    does "stint -e staging deploy"
    does "stint -e staging down"
  end)

  it("is done by systemd", function()
    environment_file()
    for _, name in ipairs { "stint-work.service", "stint-backup.service", "stint-prove.service" } do
      local commands = scheduled(name, "\nExecStart=([^\n]+)")
      assert.equal(1, #commands)
      does("set -a; . " .. project .. "/production.env; " .. commands[1])
    end
    assert.equal("2|1", pg:sql(variables.DATABASE_URL, "SELECT count(*), count(proven_at) FROM stint.backup"))
  end)
end)
