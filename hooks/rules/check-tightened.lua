policy {
  about = "a CHECK of another text under an old name may refuse what running code writes",
  family = "compat",
  level = "notice",
  why = "NOT VALID spares the rows that are there, not those that are written from now on",
  safe = "first code that keeps to the new rule, then the new CHECK beside the old one, then the old one is dropped",
  file = function(m)
    local dropped, found = {}, {}
    for _, s in ipairs(m.statements) do
      local adds = {}
      for cmd in s:each "AlterTableCmd" do
        local key = s.table and cmd.subtype == "AT_DropConstraint" and s.table.id .. "." .. cmd.name
        if key and not s.table.is_new then
          dropped[key] = true
        elseif cmd.subtype == "AT_AddConstraint" and cmd.def.contype == "CONSTR_CHECK" and cmd.def.conname then
          adds[#adds + 1] = cmd
        end
      end
      for _, cmd in ipairs(adds) do
        local name = s.table.id .. "." .. cmd.def.conname
        if dropped[name] then
          found[#found + 1] = notice(("the CHECK %s is replaced: what it refuses now, code that runs may still write"):format(cmd.def.conname), {
            at = cmd, object = name, certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 5) NOT VALID",
      "ALTER TABLE t DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (a > 5) NOT VALID",
      "ALTER TABLE app.t DROP CONSTRAINT c; ALTER TABLE app.t ADD COLUMN x int; ALTER TABLE app.t ADD CONSTRAINT c CHECK (x > 5) NOT VALID",
    },
    good = {
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 5) NOT VALID",
      "ALTER TABLE t DROP CONSTRAINT c",
      "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT d CHECK (a > 5) NOT VALID",
      "CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 1)); ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 2)",
    },
  },
}
