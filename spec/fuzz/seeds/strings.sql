SELECT 'a''b', E'\'', U&'\0041', $x$ ; $y$ ; $x$, "q""q", B'1', X'f' /* a /* b */ c */ -- d
;; BEGIN; SET LOCAL x = 1; SAVEPOINT s; ROLLBACK TO s; COMMIT AND CHAIN; COMMIT;
\restrict abc
ALTER TYPE e ADD VALUE 'v'; VALUES (1 <-1, 2@-3, :x, $1);
\unrestrict abc
