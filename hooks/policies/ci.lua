-- What continuous integration demands, of an environment [ci] with a throw-away database.
policy {
  about = "what is merged can be taken back and loses nothing by accident",
  environments = { "ci" },
  reversible = true,
  data_loss = "deny",
  order = "strict",
}
