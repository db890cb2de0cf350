local subject = require "stint.subject"

local function key(range, constraint)
  return range.relname .. "\0" .. constraint
end

-- What is not valid so far, by table and constraint; what ends it takes it out.
local function follow(open, s, number)
  local node = s.node
  if not node then
    return
  elseif node.tag == "AlterTableStmt" then
    for cmd in subject.commands(s, "AT_AddConstraint") do
      if cmd.def.skip_validation and cmd.def.is_enforced ~= false and cmd.def.conname then
        open[key(node.relation, cmd.def.conname)] = { at = s, number = number, name = cmd.def.conname }
      end
    end
    for _, ending in ipairs { "AT_ValidateConstraint", "AT_DropConstraint" } do
      for cmd in subject.commands(s, ending) do
        open[key(node.relation, cmd.name)] = nil
      end
    end
  elseif node.tag == "RenameStmt" and node.renameType == "OBJECT_TABCONSTRAINT" then
    local old = key(node.relation, node.subname)
    open[old], open[key(node.relation, node.newname)] = nil, open[old]
  elseif node.tag == "DropStmt" or node.tag == "RenameStmt" and node.renameType == "OBJECT_TABLE" then
    local names = { node.relation and node.relation.relname }
    for object in subject.dropped(s, "OBJECT_TABLE") do
      names[#names + 1] = subject.range(object).relname
    end
    for _, name in ipairs(names) do
      for one in pairs(open) do
        if one:find(name .. "\0", 1, true) == 1 then
          open[one] = nil
        end
      end
    end
  end
end

-- Reading a statement again costs, so only those are that can matter.
local function may_matter(sql, open)
  sql = sql:upper()
  local is_alter = sql:find "ALTER%s+TABLE"
  return is_alter and sql:find "NOT%s+VALID" or next(open) ~= nil and (is_alter or sql:find "DROP%s+TABLE")
end

policy {
  about = "a constraint that was added NOT VALID and has not been validated since",
  family = "constraint-validation",
  level = "warning",
  why = "NOT VALID holds for new rows only: the planner does not use the constraint, and old rows may break it, until"
    .. " VALIDATE CONSTRAINT has read them. (Of the newest file nothing is said: that may come with the next one.)",
  safe = "ALTER TABLE t VALIDATE CONSTRAINT c;",
  history = function(files)
    local open, found = {}, {}
    for number, file in ipairs(files) do
      for _, s in ipairs(file.statements) do
        if may_matter(s.sql, open) then
          follow(open, s, number)
        end
      end
    end
    for _, one in pairs(open) do
      if one.number < #files then
        found[#found + 1] = warn(("%s was added NOT VALID, and no later file validates it"):format(one.name), {
          at = one.at,
          object = one.name,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      { files = { ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", ["2_b.sql"] = "SELECT 1" } },
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
          ["2_b.sql"] = "ALTER TABLE u VALIDATE CONSTRAINT c",
        },
      },
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p NOT VALID",
          ["2_b.sql"] = "ALTER TABLE t VALIDATE CONSTRAINT other",
        },
      },
    },
    good = {
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
          ["2_b.sql"] = "ALTER TABLE t VALIDATE CONSTRAINT c",
          ["3_c.sql"] = "SELECT 1",
        },
      },
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
          ["2_b.sql"] = "ALTER TABLE t RENAME CONSTRAINT c TO d",
          ["3_c.sql"] = "ALTER TABLE t VALIDATE CONSTRAINT d",
        },
      },
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
          ["2_b.sql"] = "DROP TABLE t",
          ["3_c.sql"] = "SELECT 1",
        },
      },
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
          ["2_b.sql"] = "ALTER TABLE t DROP CONSTRAINT c",
        },
      },
    },
  },
}
