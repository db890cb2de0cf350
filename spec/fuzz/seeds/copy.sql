-- stint: no-transaction
-- stint: lock-timeout 5s
COPY t (a, b) FROM stdin;
1	x
\.
CREATE INDEX CONCURRENTLY i ON t (a);
-- stint: down
DROP INDEX CONCURRENTLY i;
