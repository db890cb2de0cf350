-- What a policy answers with: allow(), warn(text [, more]), deny(text [, more]), notice(text
-- [, more]).
local verdict = {}

local fields = { at = "table", object = "string", fix = "table", certainty = "string", hint = "string" }

local function check(word, text, more)
  if type(text) ~= "string" or text == "" then
    error(("%s takes a text that says why, not %s"):format(word, text == "" and "an empty one" or type(text)), 3)
  end
  if more ~= nil and type(more) ~= "table" then
    error(("%s takes a table behind its text, not a %s"):format(word, type(more)), 3)
  end
  for name, value in pairs(more or {}) do
    if not fields[name] then
      error(("%s has no field \"%s\": it takes at, object, fix, hint and certainty"):format(word, tostring(name)), 3)
    end
    if type(value) ~= fields[name] then
      error(("%s.%s must be a %s, not a %s"):format(word, name, fields[name], type(value)), 3)
    end
  end
end

local function saying(word)
  return function(text, more)
    check(word, text, more)
    more = more or {}
    return {
      verdict = word,
      text = text,
      at = more.at,
      object = more.object,
      fix = more.fix,
      hint = more.hint,
      certainty = more.certainty,
    }
  end
end

verdict.words = {
  allow = function()
    return nil
  end,
  warn = saying "warn",
  deny = saying "deny",
  notice = saying "notice",
}

-- The verdicts in an answer: none, one, or a list. Raises if it is something else.
function verdict.list(answer)
  if answer == nil or answer == true then
    return {}
  end
  if type(answer) == "table" and answer.verdict then
    return { answer }
  end
  if type(answer) ~= "table" then
    error(("a policy answers nothing, allow(), warn(text), deny(text), notice(text) or a list of them, not %s"):format(
      type(answer) == "boolean" and tostring(answer) or "a " .. type(answer)), 0)
  end
  for i, one in ipairs(answer) do
    if type(one) ~= "table" or not one.verdict then
      error(("element %d of the answer is no verdict"):format(i), 0)
    end
  end
  return answer
end

return verdict
