policy {
  about = "DROP OWNED BY drops all that a role owns",
  family = "data-loss",
  on = "DropOwnedStmt",
  why = "Every table, schema, function and privilege of the role in this database goes, whatever it holds.",
  safe = "REASSIGN OWNED BY old_role TO new_role;  -- then only privileges are left to drop",
  statement = function(s)
    if s.node and s.node.tag == "DropOwnedStmt" then
      return deny("all that the role owns is dropped", { certainty = "certain" })
    end
  end,
  tests = {
    bad = { "DROP OWNED BY app", "DROP OWNED BY a, b CASCADE", "DROP OWNED BY CURRENT_USER" },
    good = { "REASSIGN OWNED BY a TO b", "DROP ROLE app", "REVOKE ALL ON t FROM app" },
  },
}
