-- The files of docs/ci are meant to be copied: every command in them must be one that Stint has.
local place = require "spec.support.place"
local run = require "spec.support.run"

local FOLDER = "docs/ci/"

local function files()
  local list = {}
  local pipe = assert(io.popen("env -u LD_PRELOAD ls " .. FOLDER))
  for name in pipe:lines() do
    list[#list + 1] = name
  end
  pipe:close()
  return list
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
  local UNITS = { ["vercel.json"] = true, ["stint-work.timer"] = true, ["stint-backup.timer"] = true }

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
