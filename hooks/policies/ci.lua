-- What continuous integration demands, of an environment that config.ini has from these lines on:
--   [ci]
--   url = ${CI_DATABASE_URL}
-- a throw-away database; then `stint -e ci deploy`.
policy {
  about = "what is merged can be taken back and loses nothing by accident",
  environments = { "ci" },
  reversible = true,
  data_loss = "deny",
  order = "strict",
}
