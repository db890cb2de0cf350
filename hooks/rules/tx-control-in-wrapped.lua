local ends = { TRANS_STMT_COMMIT = "COMMIT", TRANS_STMT_ROLLBACK = "ROLLBACK" }

local function control(s)
  return s.node and s.node.tag == "TransactionStmt" and s.node.kind or nil
end

local function works(file, part)
  for i = part.first, part.last do
    local kind = control(file.statements[i])
    if not kind and file.statements[i].node and file.statements[i].node.tag ~= "VariableSetStmt" then
      return true
    end
  end
  return false
end

-- How many transactions of the file change something.
local function count(file)
  local n = 0
  for _, part in ipairs(file.parts) do
    n = n + (works(file, part) and 1 or 0)
  end
  return n
end

local function inside_do(s, found)
  for _, one in ipairs(s.inner or {}) do
    if control(one) and ends[control(one)] then
      found[#found + 1] = warn(("the DO block says %s: what it did before stays if the rest fails"):format(ends[control(one)]), {
        at = one, hint = "a backfill commits batch by batch, and knows where it was", certainty = "certain",
      })
    end
  end
end

policy {
  about = "a file that ends transactions itself may be applied in part",
  family = "tx-control",
  why = "Stint runs a file in one transaction with its ledger entry. One with its own borders is applied transaction by transaction: what "
    .. "stands before a COMMIT stays when the rest fails; what ROLLBACK ends never was",
  safe = "leave BEGIN, COMMIT and ROLLBACK out, or make it two files",
  file = function(m)
    local found, open, parts = {}, false, count(m)
    for _, s in ipairs(m.statements) do
      local kind = control(s)
      if kind == "TRANS_STMT_BEGIN" or kind == "TRANS_STMT_START" then
        open = true
      elseif kind == "TRANS_STMT_PREPARE" then
        found[#found + 1] = deny("PREPARE TRANSACTION cannot carry the file's ledger entry", { at = s, hint = "COMMIT" })
      elseif ends[kind] then
        local word = ends[kind]
        if not open then
          found[#found + 1] = deny(("%s ends a transaction that the file did not begin: Stint runs it statement by statement"):format(word), {
            at = s,
          })
        elseif kind == "TRANS_STMT_ROLLBACK" then
          found[#found + 1] = deny("ROLLBACK: what stands between BEGIN and here is undone, and the file still counts as applied", { at = s })
        elseif parts > 1 then
          local say = s.node.chain and warn or notice
          found[#found + 1] = say("the file goes on in another transaction: if that fails, what stands before this COMMIT stays", { at = s })
        end
        open = s.node.chain or false
      end
      if s.node and s.node.tag == "DoStmt" then
        inside_do(s, found)
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ADD COLUMN a int; COMMIT; ALTER TABLE t ADD COLUMN b int",
      "BEGIN; ALTER TABLE t ADD COLUMN a int; COMMIT; BEGIN; ALTER TABLE t ADD COLUMN b int; END",
      "BEGIN; DELETE FROM t WHERE a = 1; ROLLBACK",
      "ALTER TABLE t ADD COLUMN a int; ABORT",
      "BEGIN; INSERT INTO t VALUES (1); COMMIT AND CHAIN; INSERT INTO t VALUES (2); COMMIT",
      "DO $$ BEGIN UPDATE t SET a = 1 WHERE b < 10; COMMIT; UPDATE t SET a = 1 WHERE b >= 10; END $$",
      "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'x'",
    },
    good = {
      "BEGIN; ALTER TABLE t ADD COLUMN a int; COMMIT",
      "START TRANSACTION; ALTER TABLE t ADD COLUMN a int; END",
      "SAVEPOINT a; INSERT INTO t VALUES (1); ROLLBACK TO a; RELEASE a",
      "SET search_path = app; BEGIN; ALTER TABLE t ADD COLUMN a int; COMMIT",
      "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; COMMIT; END $$",
      "ALTER TABLE t ADD COLUMN \"commit\" int",
    },
  },
}
