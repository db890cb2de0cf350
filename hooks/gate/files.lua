-- Gates that ask what the pending files are and do.
local native = ...

local common = native.use("gate/common")

local gate, lacking, say, some = common.gate, common.lacking, common.say, common.some

local upwards = common.upwards

gate("reversible", upwards, function() end, function(value, ask)
  local details = value and lacking(ask, function(file)
    return not file.reversible and "has no way back" or nil
  end) or {}
  if #details == 0 then
    return
  end
  return {
    say("%s without a way back", some(#details, "file")),
    details = details,
    next = { "write it below a line -- stint: down; where none is possible, the plan for it: -- stint: rollback \"TEXT\"" },
  }
end)

gate("max_rows_locked", upwards, function(_, wants)
  wants.judge = true
end, function(value, ask)
  local details = {}
  for _, one in ipairs(ask.effects.locked) do
    if not one.rows or one.rows > value then
      details[#details + 1] = say("%s:%d: %s on %s, %s", one.file, one.line, one.mode, one.relation,
        one.rows and some(one.rows, "row") or "whose rows nobody has counted (ANALYZE does)")
    end
  end
  if #details == 0 then
    return
  end
  return {
    say("more than %s locked against reading or writing while work is done", some(value, "row")),
    details = details,
    next = { "a way that locks less: stint lint shows it" },
  }
end)

gate("data_loss", upwards, function(_, wants)
  wants.judge = true
end, function(value, ask)
  local details = {}
  for _, one in ipairs(value ~= "allow" and ask.effects.lost or {}) do
    details[#details + 1] = say("%s:%d: the %s %s", one.file, one.line, one.kind, one.name)
  end
  if #details == 0 then
    return
  end
  return {
    "data would be lost",
    details = details,
    next = { "say that it is meant, above the statement: -- stint: allow data-loss OBJECT reason=\"...\"" },
    level = value,
  }
end)

gate("downtime", upwards, function() end, function(value, ask)
  local details = value ~= "allow" and lacking(ask, function(file)
    return file.downtime and "says: " .. file.downtime
  end) or {}
  if #details == 0 then
    return
  end
  return { say("%s with downtime", some(#details, "file")), details = details, level = value }
end)

gate("order", upwards, function() end, function(value, ask)
  local details = value ~= "allow" and lacking(ask, function(file)
    return file.state == "out_of_order" and "is older than the newest applied migration" or nil
  end) or {}
  if #details == 0 then
    return
  end
  return {
    say("%s out of order", some(#details, "file")),
    details = details,
    next = { "give it a new version" },
    level = value == "warn" and "warn" or "deny",
  }
end)

-- What the rules say: C brings those errors that refuse here (review.h).
gate("rules", upwards, function() end, function(_, ask)
  if #ask.errors > 0 then
    return {
      some(#ask.errors, "error") .. " by the rules",
      details = ask.errors,
      next = { "mend it; or say why not, above the statement: -- stint: allow RULE reason=\"...\"" },
    }
  end
end)
