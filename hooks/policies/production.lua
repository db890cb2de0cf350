-- What production demands before a run. All that is missing is shown together, each with the
-- command that provides it; `stint plan -e production` shows it beforehand.
policy {
  about = "what production demands",
  environments = { "production" },
  applied_on = { environment = "staging", soak = "24h" }, -- the same text, a day ago
  backup = { max_age = "24h" }, -- by stint backup, read back
  approvals = { count = 1, not_author = true }, -- by stint approve; needs roles (doctor --grants) or keys
  window = { days = "mon-thu", from = "09:00", to = "16:00", zone = "UTC", freeze = { "2026-12-20..2027-01-05" } },
  reversible = true, -- a way down, or -- stint: rollback "TEXT"
  data_loss = "deny", -- unless -- stint: allow data-loss OBJECT reason="..." stands above it
  downtime = "warn", -- files with -- stint: downtime "TEXT"
  order = "strict",
  replica_lag = "10s",
  -- rehearsed = true, -- stint plan --rehearse has gone well with exactly this text
  rules = { ["waiver-unbound"] = "deny" }, -- waivers name an object, or their statement: stint lint --bind
  -- Who may say: deploy --override GATE --reason TEXT. The ledger keeps it.
  -- override = { window = "dba", backup = "dba" },
}
