-- The map of the house, read from the #include lines: a file includes its own floor and those
-- below, a foreign library stays behind its door, and every file stands on a floor.

-- From the ground up, a name a line. One ending in * stands for all that begin so.
local floors = {
  {
    "ground",
    [[
      account
      address
      alarm
      arena
      array
      clock
      difference
      digits
      embed
      event
      fail
      file
      ignore
      lexer
      log
      notify
      order
      program
      sieve
      sql
      stop
      text
      utf8
    ]],
  },
  {
    "doors",
    [[
      config
      config_*
      digest
      dotenv
      json
      manual
      pg
      pg_private
      pgagain
      pgopen
      pgpooler
      pgread
      pgurl
      sandbox
      script
      setting
      signature
      syntax
    ]],
  },
  {
    "nouns",
    [[
      approval
      archive
      author
      backfill
      batch
      binaries
      border
      catalog
      child
      clause
      client
      cluster
      consent
      directive
      drift
      encoding
      facts
      governor
      guard
      protection
      health
      hook
      hours
      imprint
      inquiry
      keeper
      keyring
      known
      ledger
      lock
      loss
      message
      meta
      migration
      mould
      neutral
      pace
      pair
      parts
      pour
      precedent
      proof
      quarantine
      range
      repeatable
      retreat
      scan
      scratch
      seal
      server
      session
      shape
      sqlfile
      standing
      statement
      stripe
      target
      testbed
      trace
      variable
      verdict
      walk
    ]],
  },
  {
    "windows",
    [[
      lib_*
      testing
    ]],
  },
  {
    "verbs",
    [[
      apply
      backup
      base
      baseline
      begun
      course
      crew
      doctor
      doctor_*
      estimate
      evidence
      finalize
      fix
      fleet
      gate
      goal
      join
      judge
      outcome
      plan
      prove
      reconnect
      rehearsal
      release
      remake
      residue
      restore
      resume
      revert
      review
      run
      runner
      scope
      seed
      setback
      solo
      side
      stage
      step
      transform
      trial
      verify
      wipe
      worker
    ]],
  },
  {
    "desk",
    [[
      aim
      ask
      cli
      cmd_*
      command
      desk
      findings
      forecast
      gauge
      listing
      main
      muster
      option
      override
      pick
      picture
      progress
      prospect
      replay
      report
      screen
      show
      summary
      tally
      wish
    ]],
  },
}

-- Who may include what is not ours and not the C library's or the system's.
local doors = {
  ["libpq-fe.h"] = "pg pgagain pgread pgopen pgurl pgpooler pg_private",
  ["ini.h"] = "config config_ini",
  ["jansson.h"] = "json",
  ["openssl/evp.h"] = "signature",
  ["openssl/sha.h"] = "digest",
  ["pg_query.h"] = "syntax",
  ["openssl/pem.h"] = "signature",
  ["malloc.h"] = "main",
  ["lua.h"] = "script sandbox lib_*",
  ["lauxlib.h"] = "script sandbox lib_*",
  ["lualib.h"] = "script sandbox lib_*",
}

-- The system's own headers: anybody's.
local system = {}
for name in ([[
  assert ctype dirent dlfcn errno fcntl fnmatch glob grp inttypes langinfo limits locale math netdb poll
  pwd setjmp signal spawn stdarg stdbool stddef stdint stdio stdlib stdnoreturn string strings
  sys/file sys/ioctl sys/mman sys/random sys/resource sys/select sys/socket sys/stat sys/time
  sys/types sys/uio sys/un sys/utsname sys/wait termios time unistd wchar
]]):gmatch("%S+") do
  system[name .. ".h"] = true
end

-- Files that share another's header: cmd_* have command.h and cli.h, lib_* script.h.
local shares = "main cmd_* lib_* pgagain pgread pgopen pgpooler solo doctor_*"

local function matches(list, name)
  for pattern in list:gmatch("%S+") do
    if pattern == name or (pattern:sub(-1) == "*" and name:sub(1, #pattern - 1) == pattern:sub(1, -2)) then
      return true
    end
  end
  return false
end

local function floor_of(name)
  for level, floor in ipairs(floors) do
    if matches(floor[2], name) then
      return level, floor[1]
    end
  end
end

local function files(folder, ending)
  local list = {}
  local pipe = assert(io.popen("ls " .. folder))
  for name in pipe:lines() do
    if name:sub(-#ending) == ending then
      list[#list + 1] = { name = name:sub(1, -#ending - 1), path = folder .. "/" .. name }
    end
  end
  pipe:close()
  return list
end

local sources, headers = files("engine", ".c"), files("include", ".h")

local function each_include(file)
  local list, number = {}, 0
  for line in io.lines(file.path) do
    number = number + 1
    local open, name = line:match('^%s*#%s*include%s*([<"])([^>"]+)[>"]')
    if name then
      list[#list + 1] = { ours = open == '"', name = name, at = ("%s:%d: "):format(file.path, number) }
    end
  end
  return ipairs(list)
end

local function all()
  local list = {}
  for _, group in ipairs { headers, sources } do
    for _, file in ipairs(group) do
      list[#list + 1] = file
    end
  end
  return ipairs(list)
end

local function none(complaints)
  assert(#complaints == 0, "\n" .. table.concat(complaints, "\n"))
end

describe("the floors", function()
  it("hold every file", function()
    local complaints = {}
    for _, file in all() do
      if not floor_of(file.name) then
        complaints[#complaints + 1] = file.path .. " stands on no floor"
      end
    end
    none(complaints)
  end)

  it("are included downwards only", function()
    local complaints = {}
    for _, file in all() do
      local level, floor = floor_of(file.name)
      for _, include in each_include(file) do
        local other, above = floor_of(include.name:gsub("%.h$", ""))
        if include.ours and not other then
          complaints[#complaints + 1] = include.at .. include.name .. " stands on no floor"
        elseif include.ours and level and other > level then
          local text = "%s%s of the %s looks up to %s of the %s"
          complaints[#complaints + 1] = text:format(include.at, file.name, floor, include.name, above)
        end
      end
    end
    none(complaints)
  end)

  it("keep each foreign library behind its door", function()
    local complaints = {}
    for _, file in all() do
      for _, include in each_include(file) do
        local door = doors[include.name]
        if not include.ours and not system[include.name] and not (door and matches(door, file.name)) then
          local who = door and ("belongs to " .. door) or "belongs to nobody: name its door"
          complaints[#complaints + 1] = include.at .. include.name .. " " .. who
        end
      end
    end
    none(complaints)
  end)

  it("have one header a file", function()
    local have, complaints = {}, {}
    for _, file in ipairs(headers) do
      have[file.name] = true
    end
    for _, file in ipairs(sources) do
      if not have[file.name] and not matches(shares, file.name) then
        complaints[#complaints + 1] = file.path .. " has no include/" .. file.name .. ".h"
      end
    end
    none(complaints)
  end)

  it("have files of at most 350 lines", function()
    local complaints = {}
    for _, file in all() do
      local count = 0
      for _ in io.lines(file.path) do
        count = count + 1
      end
      if count > 350 then
        complaints[#complaints + 1] = ("%s has %d lines: a noun is missing"):format(file.path, count)
      end
    end
    none(complaints)
  end)
end)
