-- A relation of the world (world.lua): what can be asked of it, and names as the server keeps them.
local native = ...

local types = native.use("impact/types")

local Relation = {}
Relation.__index = Relation

local relations = { Relation = Relation }

function relations.folded(name)
  if #name <= 63 then
    return name
  end
  local cut = 63
  while cut > 0 and (name:byte(cut + 1) or 0) & 0xC0 == 0x80 do
    cut = cut - 1
  end
  return name:sub(1, cut)
end

-- Facts are many worlds', so what changes is a copy; nodes of trees and relations stay who they are.
function relations.copy(map)
  local out = {}
  for key, value in pairs(map or {}) do
    out[key] = type(value) == "table" and getmetatable(value) == nil and relations.copy(value) or value
  end
  return out
end

local HOLDS_ROWS = { table = true, matview = true }

-- Does it hold rows of its own? A partitioned table does not.
function Relation:holds_rows()
  return HOLDS_ROWS[self.kind] or false
end

function Relation:type_of(column)
  local c = self.columns[column]
  return c and c.type and (type(c.type) == "table" and c.type or types.of_text(c.type))
end

-- Has this run added the column?
function Relation:is_new_column(name)
  local column = self.columns[name]
  return self.is_new or column ~= nil and column.made == self.world.run
end

-- The indexes ("indexes") or constraints that use the column: { name = it }
function Relation:using(map, column)
  local out = {}
  for name, it in pairs(self[map]) do
    for _, c in ipairs(it.columns or {}) do
      if c == column then
        out[name] = it
      end
    end
  end
  return out
end

-- The relation itself and all that inherit from it.
function Relation:family(out)
  out = out or {}
  out[#out + 1] = self
  for _, child in ipairs(self.world:children(self)) do
    child:family(out)
  end
  return out
end

return relations
