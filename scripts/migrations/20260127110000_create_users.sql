-- The table that the next three files change: half a million users, as if they had been there.
CREATE TABLE users (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  first_name text NOT NULL,
  last_name  text NOT NULL,
  email      text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO users (first_name, last_name, email)
SELECT 'First' || n, 'Last' || n, 'user' || n || '@example.org'
FROM generate_series(1, 500000) AS n;

-- stint: down
DROP TABLE users;
