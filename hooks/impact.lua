-- What a statement locks, rewrites, scans, builds and loses.
local impact = {}

function impact.of(world, s)
  local node = s.node
  local relation = node and node.relation and node.relation.tag == "RangeVar" and node.relation
  return {
    table = relation and world:relation(relation),
    locks = {},
    rewrites = {},
    scans = {},
    builds = {},
    loses = {},
    certainty = node and "certain" or "opaque",
  }
end

return impact
