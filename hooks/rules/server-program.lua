local tree = require "stint.tree"

local untrusted = { plpython3u = true, plpythonu = true, plperlu = true, pltclu = true, c = true, plsh = true, dblink = false }

local function reads_files(call)
  local names = tree.names(call.funcname)
  local name = names[#names]
  return (name == "pg_read_file" or name == "pg_read_binary_file" or name == "lo_import" or name == "lo_export") and name
end

policy {
  about = "a migration runs programs or reads files of the server",
  family = "security",
  why = "it wants rights near a superuser's and leaves the database: a server in the cloud refuses it, another one should",
  safe = "COPY t FROM STDIN;   -- the rows travel with the file",
  statement = function(s)
    local node = s.node
    if not node then
      return allow()
    end
    if node.tag == "CopyStmt" and node.is_program then
      return deny("COPY runs a program on the server")
    elseif node.tag == "CopyStmt" and node.filename then
      return warn(("COPY uses a file of the server: %s"):format(node.filename))
    elseif node.tag == "CreateExtensionStmt" and untrusted[node.extname] then
      return deny(("%s lets functions do anything on the server"):format(node.extname), { object = node.extname })
    end
    for option in node.tag == "CreateFunctionStmt" and s:each "DefElem" or function() end do
      local language = option.defname == "language" and tree.option(option)
      if untrusted[language] then
        return deny(("a function in %s may do anything on the server"):format(language), { object = language })
      end
    end
    for call in s:each "FuncCall" do
      local name = reads_files(call)
      if name then
        return deny(("%s() uses files of the server"):format(name), { at = call, object = name })
      end
    end
  end,
  tests = {
    bad = {
      "COPY t FROM PROGRAM 'curl http://example.com/x.csv'",
      "COPY t FROM '/var/lib/postgresql/x.csv' CSV",
      "CREATE EXTENSION plpython3u",
      "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'return 1'",
      "INSERT INTO t SELECT pg_read_file('/etc/passwd')",
    },
    good = {
      "COPY t (a) FROM STDIN;\n1\n\\.\n",
      "CREATE EXTENSION IF NOT EXISTS pgcrypto",
      "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    },
  },
}
