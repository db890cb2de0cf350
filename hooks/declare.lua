-- Turns a table of fields (hooks/kinds.lua) into the declaring function of a kind, with its errors.
--
-- A kind is { about = "...", fields = { NAME = field (fields.lua) }, one_of = { "A", "B" } (exactly
-- one of these fields is given) }.
local native = ...

local fields = native.use("fields")

local declare = {}

local function check_one_of(kind, names, given)
  local found
  for _, name in ipairs(names) do
    if given[name] ~= nil and found then
      return ("%s has %s and %s: it takes one of them"):format(kind, found, name)
    end
    found = found or given[name] ~= nil and name
  end
  return not found and ("%s needs one of %s"):format(kind, table.concat(names, ", "))
end

local function problem(kind, spec, given)
  if type(given) ~= "table" then
    return ("%s takes one table, %s {...}, not %s"):format(kind, kind, fields.article(type(given)))
  end
  local wrong = fields.check(kind, spec.fields, given)
  if wrong then
    return wrong
  end
  return spec.one_of and check_one_of(kind, spec.one_of, given)
end

-- The declaring function: checks what it is given, fills in defaults, and hands a copy to `found`.
function declare.kind(kind, spec, found)
  return function(given)
    local wrong = problem(kind, spec, given)
    if wrong then
      error(wrong, 2)
    end
    found(fields.filled(spec.fields, given))
  end
end

return declare
