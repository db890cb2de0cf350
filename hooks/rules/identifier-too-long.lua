local subject = require "stint.subject"

local LONGEST = 63 -- bytes: NAMEDATALEN - 1
local RUN = ("[^%s]"):rep(LONGEST + 1) -- a longer name that is not quoted has it; most texts have not

policy {
  about = "a name is longer than PostgreSQL keeps",
  family = "identifier",
  level = "warning",
  why = "names are cut off after 63 bytes (not characters) with no more than a notice: what looks them up by the whole name does not find "
    .. "them",
  safe = "a shorter name",
  statement = function(s)
    local found, told = {}, {}
    if not s.sql:find '"' and not s.sql:find(RUN) then
      return found
    end
    for _, token in ipairs(subject.may_hold_long_name(s.sql) and s.tokens or {}) do
      local name = #token.text > LONGEST and subject.name_of(token)
      if name and #name > LONGEST and not told[name] then
        told[name] = true
        found[#found + 1] = warn(("%s has %d bytes: it becomes %s"):format(name, #name, name:sub(1, utf8.offset(name, 0, 64) - 1)), {
          object = name, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "CREATE INDEX CONCURRENTLY a_very_long_name_of_an_index_that_nobody_will_ever_be_able_to_type_idx ON t (a)",
      'ALTER TABLE t ADD COLUMN "ééééééééééééééééééééééééééééééééé" int',
      'CREATE TABLE a_very_long_name_of_a_table_that_nobody_will_ever_be_able_to_type_again (a int)',
    },
    good = {
      "CREATE TABLE a23456789012345678901234567890123456789012345678901234567890123 (a int)",
      "COMMENT ON TABLE t IS 'a text may be as long as it likes, it is no name, and nobody cuts it off after 63 bytes'",
      'ALTER TABLE t ADD COLUMN "ééééééééééééééééééééééééééééééé" int',
      "SELECT $a_very_long_tag_of_a_dollar_quote_is_no_name_either_and_may_be_as_long_as_it_likes$ x "
        .. "$a_very_long_tag_of_a_dollar_quote_is_no_name_either_and_may_be_as_long_as_it_likes$",
    },
  },
}
