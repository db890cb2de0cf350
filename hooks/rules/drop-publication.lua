-- The publications that a transaction makes.
local function made(t)
  local set = {}
  for _, s in ipairs(t.statements) do
    if s.node and s.node.tag == "CreatePublicationStmt" then
      set[s.node.pubname] = true
    end
  end
  return set
end

local function tables(node)
  local names = {}
  for _, object in ipairs(node.pubobjects or {}) do
    names[#names + 1] = object.pubtable and object.pubtable.relation.relname or object.name
  end
  return table.concat(names, ", ")
end

policy {
  about = "what is not published any more is missing to those who subscribe",
  family = "compat",
  why = "a subscription to a publication that is gone fails from its next change on, and the slot keeps all WAL until it is mended; "
    .. "one to a table that is left out gets no more of its changes, and says nothing",
  safe = "on the subscriber first: ALTER SUBSCRIPTION s DROP PUBLICATION p",
  transaction = function(t)
    local new, found = made(t), {}
    for _, s in ipairs(t.statements) do
      local node = s.node
      local tag = node and node.tag
      for _, object in ipairs(tag == "DropStmt" and node.removeType == "OBJECT_PUBLICATION" and node.objects or {}) do
        if not new[object.sval] then
          found[#found + 1] = deny(("the publication %s is dropped: subscriptions to it fail"):format(object.sval), {
            at = s, object = object.sval, certainty = "certain",
          })
        end
      end
      if tag == "AlterPublicationStmt" and node.action == "AP_DropObjects" and not new[node.pubname] then
        found[#found + 1] = warn(("%s leaves the publication %s: who subscribes gets none of its changes any more"):format(tables(node),
          node.pubname), { at = s, object = node.pubname, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "DROP PUBLICATION feed",
      "DROP PUBLICATION IF EXISTS feed, other; CREATE PUBLICATION other FOR TABLE t",
      "ALTER PUBLICATION feed DROP TABLE app.orders",
    },
    good = {
      "DROP PUBLICATION IF EXISTS feed; CREATE PUBLICATION feed FOR TABLE t",
      "ALTER PUBLICATION feed ADD TABLE orders",
      "ALTER PUBLICATION feed OWNER TO app",
      "CREATE PUBLICATION feed FOR TABLE t, u; ALTER PUBLICATION feed DROP TABLE u",
    },
  },
}
