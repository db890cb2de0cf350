-- What scripts can call, for editors and help: the functions of db, json and log (lib_*.c).
local sql = "sql string one statement, with $1, $2, ... for its parameters"
local parameters = "... any the parameters: nil is NULL, a table is an array"

return {
  {
    name = "error",
    about = "what a database call raises: it can be caught with pcall, read, and raised again with error(e)",
    fields = {
      "sqlstate string five characters, such as \"23505\"",
      "message string",
      "detail? string",
      "hint? string",
      "context? string",
      "constraint? string",
      "schema? string",
      "table? string",
      "column? string",
      "file string the script that made the call",
      "line integer",
    },
  },
  {
    name = "db",
    about = "the session of a migration, within its transaction",
    { name = "db:exec", sql, parameters, returns = "integer rows the number of rows changed",
      doc = "Runs a statement." },
    { name = "db:query", sql, parameters, returns = "table[] rows each a table by column name",
      doc = "Runs a query and gives its rows." },
    { name = "db:row", sql, parameters, returns = "table? row the first row, nil if there is none",
      doc = "Runs a query and gives its first row." },
    { name = "db:value", sql, parameters, returns = "any value the first column of the first row, nil if there is none",
      doc = "Runs a query and gives its first value." },
    { name = "db:ident", "... string a name, or schema and name", returns = "string quoted",
      doc = "Quotes a name for use in SQL." },
    { name = "db:literal", "value any", returns = "string quoted", doc = "Quotes a value for use in SQL." },
    { name = "db:bytes", "bytes string", returns = "userdata parameter",
      doc = "Marks a string as bytea, for use as a parameter." },
  },
  {
    name = "json",
    about = "JSON",
    is_global = true,
    fields = { "null any JSON's null, where nil would be no value at all" },
    { name = "json.encode", "value any", returns = "string json", doc = "A value as JSON; names are sorted." },
    { name = "json.decode", "text string", returns = "any value", doc = "JSON as a value." },
    { name = "json.list", "items? table", returns = "table items",
      doc = "Marks a table as a list, so that an empty one becomes [] and not {}." },
  },
  {
    name = "log",
    about = "lines on stderr, formatted as by string.format",
    is_global = true,
    { name = "log.say", "text string", "... any", doc = "Says what is happening (not with -q)." },
    { name = "log.detail", "text string", "... any", doc = "Says it under -v only." },
    { name = "log.warn", "text string", "... any", doc = "Warns, even with -q." },
  },
}
