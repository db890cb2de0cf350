-- What development demands: nothing stops here. `stint lint` and `stint plan` say what would stop
-- elsewhere. Change these files as you like: stint help policy has every field.
policy {
  about = "in development everything may be tried",
  environments = { "development" },
  data_loss = "allow",
  downtime = "allow",
}
