policy {
  about = "a dropped foreign key lets rows in that point nowhere",
  family = "compat",
  on = "AlterTableStmt",
  level = "notice",
  why = "it takes ACCESS EXCLUSIVE on the table that it points to as well, and code that counts on the server's refusal gets none",
  safe = "SET lock_timeout, one foreign key a transaction; add it again NOT VALID if it is to change",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      local relation = s.table
      local constraint = relation and cmd.subtype == "AT_DropConstraint" and relation.constraints[cmd.name]
      local is_named_so = relation and not relation.complete and cmd.subtype == "AT_DropConstraint"
        and not constraint and cmd.name:find "_fkey$"
      if relation and not relation.is_new and (constraint and constraint.type == "f" or is_named_so) then
        found[#found + 1] = notice(("the foreign key %s is dropped: nothing keeps rows without a partner out"):format(cmd.name), {
          at = cmd, object = relation.id .. "." .. cmd.name, certainty = constraint and "certain" or "assumed",
        })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = {
      ["public.p"] = { kind = "table", columns = { id = { type = "integer" } } },
      ["public.t"] = { kind = "table", columns = { p = { type = "integer" } }, constraints = {
        k = { type = "f", columns = { "p" }, validated = true, references = "public.p" }, c = { type = "c", columns = { "p" } } } },
    } },
    bad = {
      "ALTER TABLE t DROP CONSTRAINT k",
      "ALTER TABLE public.t ADD COLUMN x int, DROP CONSTRAINT IF EXISTS k",
      { sql = "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey", facts = {} },
    },
    good = {
      "ALTER TABLE t DROP CONSTRAINT c",
      { sql = "ALTER TABLE orders DROP CONSTRAINT orders_total_check", facts = {} },
      "CREATE TABLE n (p int CONSTRAINT x_fkey REFERENCES p); ALTER TABLE n DROP CONSTRAINT x_fkey",
    },
  },
}
