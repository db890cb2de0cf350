-- Storage parameters, tablespaces, access methods, persistence.
local native = ...

local modes = native.use("impact/modes")
local read = native.use("impact/read")

local settings = {}

local AEL, SUE = "AccessExclusive", "ShareUpdateExclusive"

-- The storage parameters that take more than SHARE UPDATE EXCLUSIVE.
local strong = read.set "user_catalog_table security_barrier security_invoker check_option buffering fastupdate"

function settings.mode(_, relation, cmd)
  local mode = relation.kind == "view" and AEL or SUE
  for _, option in ipairs(read.list(cmd.def)) do
    mode = strong[option.defname] and AEL or mode
  end
  return mode
end

-- Of an index's parameters only these two take more.
function settings.index_mode(_, _, cmd)
  local mode = SUE
  for _, option in ipairs(read.list(cmd.def)) do
    mode = modes.stronger(mode, option.defname == "fastupdate" and AEL or mode)
  end
  return mode
end

local persistence = { AT_SetLogged = "p", AT_SetUnLogged = "u" }

function settings.set_logged(I, relation, cmd)
  local wanted = persistence[cmd.subtype]
  local now = relation.persistence or relation.facts and relation.facts.persistence
  if now ~= wanted then
    I:rewrite(relation, wanted == "p" and "all of it is written to the WAL" or "it is written anew without WAL")
    if not now then
      I:assume("whether the table is logged is not known")
    end
  end
end

function settings.set_tablespace(I, relation, cmd)
  local now = relation.facts and relation.facts.tablespace
  if not relation:holds_rows() or now == cmd.name then
    return
  end
  if not now then
    I:assume("the tablespace of the table is not known")
  end
  I:rewrite(relation, "it is copied to another tablespace")
end

function settings.set_access_method(I, relation, cmd)
  if not relation:holds_rows() then
    return
  end
  local now = relation.facts and relation.facts.access_method
  if now == nil then
    I:assume("the access method of the table is not known")
  end
  if now ~= cmd.name then
    I:rewrite(relation, "its access method changes")
  end
end

return settings
