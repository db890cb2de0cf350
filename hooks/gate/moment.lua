-- Gates that ask whether now is the moment: the clock, the replicas, the team's own function.
local native = ...

local calendar = native.use("calendar")
local verdict = native.use("verdict")
local common = native.use("gate/common")

local gate, say, seconds, some, span = common.gate, common.say, common.seconds, common.some, common.span

gate("window", common.everywhere, function(value, wants, policy)
  wants.windows[#wants.windows + 1] = calendar.read(value, policy)
end, function(_, ask, policy)
  local now = ask.found.windows[policy.path]
  if not now then
    return { "the database is not there, and its clock decides" }
  elseif now.is_open then
    return
  end
  return {
    now.frozen and say("frozen %s: it is %s", now.frozen, now.at) or say("closed: it is %s", now.at),
    next = { now.opens and "it opens " .. now.opens or "it does not open any more" },
  }
end)

gate("replica_lag", common.writing, function(_, wants)
  wants.replicas = true
end, function(value, ask)
  local seen = ask.found.replicas
  if not seen then
    return -- the database is not there yet
  end
  local grant = { say("GRANT pg_read_all_stats TO %s", seen.role) }
  if seen.count > 0 and not seen.lag then
    return { say("%s, and %s may not see how far behind", some(seen.count, "replica"), seen.role), next = grant }
  elseif seen.lag and seen.lag > seconds(value) then
    return {
      say("a replica (%s) is %s behind, and may be %s", seen.who, span(seen.lag), value),
      next = { "wait until it has caught up: stint doctor shows the replicas" },
    }
  elseif seen.problem then
    return { say("how far replicas are behind cannot be seen: %s", seen.problem), next = grant, level = "warn" }
  elseif seen.count == 0 and not seen.sees then
    return { say("no replica is seen, but %s does not see all", seen.role), next = grant, level = "warn" }
  end
end)

local function answer_of(own, ask, policy)
  local ok, answer = pcall(own, ask.plan, ask.facts or {})
  if ok then
    ok, answer = pcall(verdict.list, answer)
  end
  if not ok then
    return { say("the function failed: %s", tostring(answer)), next = { "mend " .. policy.path } }
  end
  local level, texts = "warn", {}
  for _, one in ipairs(answer) do
    level = one.verdict == "deny" and "deny" or level
    texts[#texts + 1] = one.text
  end
  if #texts > 0 then
    return { table.concat(texts, "; "), level = level }
  end
end

gate("run", common.writing, function(_, wants)
  wants.judge = true
end, answer_of)
