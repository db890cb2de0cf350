-- What staging demands: it is where production's proof comes from.
policy {
  about = "what staging takes can go on to production",
  environments = { "staging" },
  reversible = true,
  data_loss = "deny",
  downtime = "warn",
  order = "strict",
}
