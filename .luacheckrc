std = "lua54"
max_line_length = 160
exclude_files = { "build" }
files["spec"] = { std = "lua54+busted" }
-- The words that declare, and what the sandbox gives.
files["scripts"] = {
  read_globals = { "migration", "backfill", "policy", "check", "hook", "allow", "warn", "deny", "notice", "online", "notify", "json", "log" },
}
files["scripts/spec"] = { std = "lua54+busted" }
files["hooks/types.lua"] = { ignore = { "1..", "2.." } }
files["hooks/policies"] = { read_globals = { "policy", "allow", "warn", "deny" } }
files["hooks/rules"] = { read_globals = { "policy", "allow", "warn", "deny", "notice" } }
