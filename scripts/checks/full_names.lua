-- Asked at the end of each run that applied something; a no is exit code 5, and what was applied stays.
check {
  about = "no user has an empty full name",
  when = "after",
  timeout = "30s",
  test = function(db)
    local there = db:value [[
      SELECT true FROM pg_attribute
      WHERE attrelid = to_regclass('users') AND attname = 'full_name' AND attnotnull]]
    if not there then
      return true -- not yet: the column is filled by a later file
    end
    local empty = db:value "SELECT count(*) FROM users WHERE trim(full_name) = ''"
    return empty == 0, ("%d users have an empty full name"):format(empty)
  end,
}
