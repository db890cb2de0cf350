local begins = { TRANS_STMT_BEGIN = true, TRANS_STMT_START = true }
local ends = { TRANS_STMT_COMMIT = true, TRANS_STMT_ROLLBACK = true, TRANS_STMT_PREPARE = true }

policy {
  about = "a transaction that the file begins is never ended, or begun twice",
  family = "tx-control",
  why = "what follows an open BEGIN would be rolled back when the session ends; a BEGIN within a transaction is only a warning, and the "
    .. "first COMMIT ends all of it",
  safe = "BEGIN; ...; COMMIT;   -- or neither: Stint runs a file in one transaction",
  file = function(m)
    local found, open = {}, nil
    for _, s in ipairs(m.statements) do
      local kind = s.node and s.node.tag == "TransactionStmt" and s.node.kind
      if begins[kind] then
        if open then
          found[#found + 1] = deny(("a transaction is open since line %d: this %s begins none"):format(open.line, s.kind), { at = s })
        end
        open = s
      elseif ends[kind] then
        open = s.node.chain and s or nil
      end
    end
    if open then
      found[#found + 1] = deny("the transaction that begins here is never ended", { at = open })
    end
    return found
  end,
  tests = {
    bad = {
      "BEGIN; ALTER TABLE t ADD COLUMN a int",
      "ALTER TABLE t ADD COLUMN a int; START TRANSACTION; ALTER TABLE t ADD COLUMN b int;",
      "BEGIN; ALTER TABLE t ADD COLUMN a int; BEGIN; ALTER TABLE t ADD COLUMN b int; COMMIT",
      "BEGIN; INSERT INTO t VALUES (1); COMMIT AND CHAIN; INSERT INTO t VALUES (2)",
    },
    good = {
      "BEGIN; ALTER TABLE t ADD COLUMN a int; COMMIT",
      "BEGIN; INSERT INTO t VALUES (1); END; BEGIN; INSERT INTO t VALUES (2); END",
      "DO $$ BEGIN PERFORM 1; END $$",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
      "SAVEPOINT a; INSERT INTO t VALUES (1)",
    },
  },
}
