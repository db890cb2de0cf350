local subject = require "stint.subject"

local LONGEST = 63

policy {
  about = "two long names become the same",
  family = "identifier",
  why = "names are cut off after 63 bytes: the second one fails as a duplicate, or IF NOT EXISTS leaves it out in silence",
  safe = "names that differ within 63 bytes",
  file = function(m)
    local seen, told, found = {}, {}, {}
    for _, s in ipairs(m.statements) do
      for _, token in ipairs(subject.may_hold_long_name(s.sql) and s.tokens or {}) do
        local name = #token.text >= LONGEST and subject.name_of(token)
        local short = name and #name >= LONGEST and name:sub(1, utf8.offset(name, 0, 64) - 1)
        if short and seen[short] and seen[short] ~= name and not told[name] then
          told[name] = true
          found[#found + 1] = deny(("%s and %s are the same to PostgreSQL: %s"):format(seen[short], name, short), {
            at = s, object = name, certainty = "certain",
          })
        end
        if short then
          seen[short] = seen[short] or name
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "CREATE INDEX idx_customers_orders_shipments_by_region_and_warehouse_and_created_at ON t (a);"
        .. "CREATE INDEX idx_customers_orders_shipments_by_region_and_warehouse_and_created_on ON t (b)",
      "CREATE TABLE t (a_very_long_name_of_a_column_that_differs_at_its_end_and_nowhere_else_1 int,"
        .. "a_very_long_name_of_a_column_that_differs_at_its_end_and_nowhere_else_2 int)",
      "ALTER TABLE t ADD COLUMN a_very_long_name_of_a_column_that_differs_at_its_end_and_nowhere_else_1 int,"
        .. "ADD COLUMN a_very_long_name_of_a_column_that_differs_at_its_end_and_nowhere_else_2 int",
    },
    good = {
      "CREATE INDEX idx_one ON t (a); CREATE INDEX idx_two ON t (b)",
      "CREATE TABLE a_very_long_name_of_a_table_that_nobody_will_ever_be_able_to_type_again (a int);"
        .. "DROP TABLE A_very_long_name_of_a_table_that_nobody_will_ever_be_able_to_type_again",
      "CREATE INDEX CONCURRENTLY one_very_long_name_of_an_index_that_nobody_will_ever_be_able_to_type ON t (a);"
        .. "CREATE INDEX CONCURRENTLY two_very_long_name_of_an_index_that_nobody_will_ever_be_able_to_type ON t (a)",
    },
  },
}
