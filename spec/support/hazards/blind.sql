-- Migrations written as strangers to the rules write them, from the catalogue of hazards and from what Prisma, Drizzle, Django, Rails,
-- Flyway, Hasura, Supabase, EF Core and Alembic generate: what each is before it, the families of which one must speak, or clean.

-- case: index-build
-- speed up lookup by customer
create index orders_customer_id_idx on orders (customer_id);

-- case: index-build
SET lock_timeout = '3s';
CREATE INDEX IF NOT EXISTS "IX_Orders_PlacedAt" ON "Sales"."Orders" USING btree ("PlacedAt" DESC NULLS LAST) WHERE "Deleted" IS NULL;

-- case: index-build
BEGIN;
ALTER TABLE invoices ADD COLUMN region text;
CREATE INDEX ON invoices (region);
COMMIT;

-- case: index-build
DROP INDEX IF EXISTS idx_users_email;

-- case: index-build
REINDEX TABLE public.events;

-- case: index-build
REINDEX (CONCURRENTLY false, VERBOSE) INDEX events_pkey;

-- case: index-build
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'payments_ref_idx') THEN
    CREATE INDEX payments_ref_idx ON payments (reference);
  END IF;
END
$$;

-- case: index-build
CREATE TABLE audit.orders (id bigint PRIMARY KEY, at timestamptz);
-- another schema's namesake
CREATE INDEX orders_at_idx ON public.orders (at);

-- case: index-build unique-build
CREATE UNIQUE INDEX users_lower_email ON users (lower(email));

-- case: index-build
ALTER TABLE customers ALTER COLUMN name TYPE text COLLATE "de-DE-x-icu";

-- case: index-build
CREATE INDEX trgm_idx ON articles USING gin (body gin_trgm_ops) WITH (fastupdate = off) TABLESPACE fast;

-- case: index-build
REINDEX DATABASE shop;

-- case: index-build
CREATE INDEX items_mv_idx ON sales_summary_mv (day);
REFRESH MATERIALIZED VIEW CONCURRENTLY sales_summary_mv;

-- case: clean
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL, author_id bigint);
CREATE INDEX notes_author_id_idx ON notes (author_id);

-- case: clean
-- stint: no-transaction
CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);

-- case: clean
CREATE TEMP TABLE stage_import (id int, payload jsonb);
CREATE INDEX ON stage_import (id);

-- case: clean
CREATE TABLE "Legacy Orders" ("Id" int PRIMARY KEY, "When" timestamptz);
create index on "Legacy Orders" ("When");

-- case: clean
CREATE INDEX trips_i ON ONLY trips (started_at);

-- case: clean
DROP INDEX CONCURRENTLY IF EXISTS idx_users_old;

-- case: clean
REINDEX INDEX CONCURRENTLY users_email_idx;

-- case: clean
REINDEX (VERBOSE, CONCURRENTLY) TABLE users;

-- case: clean
CREATE TABLE tmp_new AS SELECT id, name FROM customers WHERE country = 'NZ';
CREATE INDEX ON tmp_new (name);

-- case: clean
CREATE TABLE widgets (id int PRIMARY KEY, sku text);
CREATE INDEX widgets_sku ON widgets (sku);
DROP INDEX widgets_sku;

-- case: clean
CREATE SCHEMA reporting
  CREATE TABLE facts (d date, v numeric)
  CREATE INDEX facts_d ON facts (d);

-- case: clean
ALTER INDEX orders_customer_idx RENAME TO orders_customer_id_idx;

-- case: clean
CREATE MATERIALIZED VIEW daily_sales AS SELECT date_trunc('day', at) AS day, sum(total) AS total FROM sales GROUP BY 1;
CREATE UNIQUE INDEX daily_sales_day ON daily_sales (day);

-- case: clean
ALTER TABLE customers RENAME CONSTRAINT customers_pk TO customers_pkey;

-- case: tx-incompatible
BEGIN;
CREATE INDEX CONCURRENTLY users_email_idx ON users (email);
COMMIT;

-- case: tx-incompatible
DO $$ BEGIN
  EXECUTE 'CREATE INDEX CONCURRENTLY users_name_idx ON users (name)';
END $$;

-- case: tx-incompatible
START TRANSACTION;
SET LOCAL lock_timeout = '2s';
DROP INDEX CONCURRENTLY users_name_idx;
COMMIT;

-- case: tx-incompatible
begin work;
vacuum analyze orders;
end;

-- case: tx-incompatible
BEGIN;
ALTER TABLE measurements DETACH PARTITION measurements_2020 CONCURRENTLY;
COMMIT;

-- case: tx-incompatible
BEGIN;
REINDEX TABLE CONCURRENTLY orders;
COMMIT;

-- case: tx-incompatible
BEGIN;
CREATE DATABASE reporting;
COMMIT;

-- case: tx-incompatible
CREATE FUNCTION build_idx() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  CREATE INDEX CONCURRENTLY big_x ON big (x);
END $f$;
SELECT build_idx();

-- case: tx-incompatible
CREATE TABLE readings (id bigint, at timestamptz) PARTITION BY RANGE (at);
CREATE INDEX CONCURRENTLY readings_at ON readings (at);

-- case: tx-incompatible
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER SYSTEM SET max_connections = 300;
COMMIT;

-- case: clean
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_sales;

-- case: clean
BEGIN;
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_sales;
COMMIT;

-- case: clean
-- migrate:up transaction:false
VACUUM (ANALYZE) orders;

-- case: clean
VACUUM (FULL false, ANALYZE) orders;

-- case: clean
BEGIN;
CREATE TABLE a (id int PRIMARY KEY);
COMMENT ON TABLE a IS 'CREATE INDEX CONCURRENTLY; VACUUM FULL';
COMMIT;

-- case: clean
DO $$
BEGIN
  RAISE NOTICE 'run CREATE INDEX CONCURRENTLY by hand';
END $$;

-- case: clean
CREATE INDEX CONCURRENTLY a_b ON a (b);
CREATE INDEX CONCURRENTLY a_c ON a (c);

-- case: clean
ANALYZE orders, customers;

-- case: clean
BEGIN;
ANALYZE orders;
COMMIT;

-- case: tx-control
ALTER TABLE a ADD COLUMN b int;
COMMIT;
ALTER TABLE a ADD COLUMN c int;

-- case: tx-control
BEGIN;
ALTER TABLE a ADD COLUMN b int;

-- case: tx-control
BEGIN;
INSERT INTO settings VALUES ('a', 1);
ROLLBACK;

-- case: tx-control
BEGIN;
UPDATE settings SET v = 2 WHERE k = 'a';
COMMIT AND CHAIN;
UPDATE settings SET v = 3 WHERE k = 'b';
COMMIT;

-- case: tx-control
BEGIN;
UPDATE settings SET v = 2 WHERE k = 'a';
PREPARE TRANSACTION 'mig42';

-- case: tx-control
INSERT INTO settings VALUES ('x', 1);
END;

-- case: tx-control
CREATE TABLE x (id int);
ABORT;

-- case: tx-control will-fail
DO $$ BEGIN
  INSERT INTO settings VALUES ('x', 1);
  COMMIT;
END $$;

-- case: tx-control
BEGIN;
CREATE TABLE q (id int);
BEGIN;
CREATE TABLE r (id int);
COMMIT;

-- case: clean
BEGIN;
CREATE TABLE q (id int PRIMARY KEY);
SAVEPOINT s;
INSERT INTO q VALUES (1);
ROLLBACK TO SAVEPOINT s;
RELEASE SAVEPOINT s;
COMMIT;

-- case: clean
begin;
create table q (id int primary key);
end;

-- case: clean
BEGIN TRANSACTION;
ALTER TABLE q ADD COLUMN note text;
COMMIT TRANSACTION;

-- case: clean
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END;
$$;

-- case: clean
DO $$
BEGIN
  BEGIN
    INSERT INTO settings (k, v) VALUES ('a', 1);
  EXCEPTION WHEN unique_violation THEN
    NULL;
  END;
END;
$$;

-- case: clean
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT a + b;
END;

-- case: clean
-- COMMIT; BEGIN; ROLLBACK;
/* BEGIN; */
INSERT INTO settings (k, v) VALUES ('sql', 'BEGIN; DROP TABLE x; COMMIT;');

-- case: clean
CREATE OR REPLACE PROCEDURE purge_batch(n int) LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM logs WHERE id IN (SELECT id FROM logs ORDER BY id LIMIT n);
  COMMIT;
END $$;

-- case: constraint-validation
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total >= 0);

-- case: constraint-validation
ALTER TABLE orders ADD COLUMN discount int DEFAULT 0 CHECK (discount BETWEEN 0 AND 100);

-- case: constraint-validation
ALTER TABLE orders
  ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE;

-- case: constraint-validation
BEGIN;
ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;
COMMIT;

-- case: constraint-validation
ALTER DOMAIN email_address ADD CONSTRAINT email_check CHECK (VALUE ~ '@');

-- case: constraint-validation not-null
ALTER DOMAIN email_address SET NOT NULL;

-- case: constraint-validation
ALTER TABLE orders ADD COLUMN status_id int DEFAULT 1 REFERENCES statuses (id);

-- case: constraint-validation
ALTER TABLE orders ADD COLUMN warehouse_id bigint, ADD CONSTRAINT wfk FOREIGN KEY (warehouse_id) REFERENCES warehouses;

-- case: constraint-validation
alter table only public.order_lines
    add constraint order_lines_order_id_fkey foreign key (order_id) references public.orders(id) deferrable initially deferred;

-- case: constraint-validation lock-scope
ALTER TABLE orders VALIDATE CONSTRAINT positive, ALTER COLUMN note SET DEFAULT '';

-- case: constraint-validation
DO $$ BEGIN
 ALTER TABLE "Booking" ADD CONSTRAINT "Booking_userId_users_id_fk" FOREIGN KEY ("userId") REFERENCES "users"("id") ON DELETE cascade ON UPDATE no action;
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;

-- case: clean
CREATE TABLE lines (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES orders (id),
  qty int NOT NULL CHECK (qty > 0),
  CONSTRAINT lines_qty_max CHECK (qty < 1000)
);

-- case: clean
-- stint: no-transaction
ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;

-- case: clean
BEGIN;
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE orders VALIDATE CONSTRAINT fk;
COMMIT;

-- case: clean
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_positive;

-- case: clean
CREATE TABLE lines (id bigint PRIMARY KEY, qty int);
ALTER TABLE lines ADD CONSTRAINT q CHECK (qty > 0), ADD CONSTRAINT q2 CHECK (qty < 99);

-- case: clean
CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint);
ALTER TABLE lines ADD CONSTRAINT lines_order_fk FOREIGN KEY (order_id) REFERENCES orders (id);

-- case: clean
ALTER TABLE orders ADD COLUMN coupon_id bigint REFERENCES coupons (id);

-- case: clean
CREATE DOMAIN positive_int AS int CHECK (VALUE > 0);

-- case: clean
ALTER TABLE orders DROP CONSTRAINT orders_total_positive;

-- case: clean pg=18
ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0) NOT ENFORCED;

-- case: clean
CREATE TABLE IF NOT EXISTS tags (id serial PRIMARY KEY, name text);
ALTER TABLE tags ADD CONSTRAINT tags_name CHECK (name <> '');

-- case: unique-build
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);

-- case: unique-build
ALTER TABLE users ADD PRIMARY KEY (id);

-- case: unique-build
ALTER TABLE users ADD COLUMN external_id uuid UNIQUE;

-- case: unique-build
ALTER TABLE bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (room_id WITH =, during WITH &&);

-- case: unique-build
ALTER TABLE "public"."User" ADD CONSTRAINT "User_pkey" PRIMARY KEY ("id", "tenantId");

-- case: unique-build
ALTER TABLE legacy ADD COLUMN id bigserial PRIMARY KEY;

-- case: unique-build
BEGIN;
ALTER TABLE t1 DROP CONSTRAINT t1_k, ADD CONSTRAINT t1_k UNIQUE (a, b);
COMMIT;

-- case: unique-build
ALTER TABLE users ADD UNIQUE NULLS NOT DISTINCT (email, tenant_id);

-- case: unique-build
DO $body$
BEGIN
    ALTER TABLE memberships ADD CONSTRAINT memberships_u UNIQUE (user_id, org_id) DEFERRABLE;
END
$body$ LANGUAGE plpgsql;

-- case: clean
-- stint: no-transaction
CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;

-- case: clean
CREATE TABLE users2 (id bigint, email text);
ALTER TABLE users2 ADD PRIMARY KEY (id), ADD UNIQUE (email);

-- case: clean
CREATE TABLE bookings2 (room_id int, during tsrange, EXCLUDE USING gist (during WITH &&));

-- case: clean
CREATE UNIQUE INDEX CONCURRENTLY users_ext ON users (external_id) WHERE external_id IS NOT NULL;

-- case: clean
CREATE TABLE staging_users (LIKE users INCLUDING DEFAULTS);
ALTER TABLE staging_users ADD CONSTRAINT staging_users_pk PRIMARY KEY (id);

-- case: clean
ALTER TABLE users ADD CONSTRAINT users_name_key UNIQUE USING INDEX users_name_idx;

-- case: clean
CREATE TABLE IF NOT EXISTS public."User" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- case: clean
CREATE TABLE a.t (x int);
SET search_path = a;
ALTER TABLE t ADD CONSTRAINT t_pk PRIMARY KEY (x);

-- case: not-null
ALTER TABLE users ALTER COLUMN email SET NOT NULL;

-- case: not-null
alter table if exists only "App"."Users" alter "Email" set not null, alter "Name" set default '';

-- case: not-null
BEGIN;
UPDATE users SET email = '' WHERE email IS NULL AND id BETWEEN 1 AND 1000;
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
COMMIT;

-- case: not-null
ALTER TABLE users ADD CONSTRAINT e_nn CHECK (email IS NOT NULL) NOT VALID;
ALTER TABLE users ALTER email SET NOT NULL;

-- case: not-null
DO $$ BEGIN
  IF EXISTS (SELECT FROM information_schema.columns WHERE table_name='users' AND column_name='nick' AND is_nullable='YES') THEN
    ALTER TABLE users ALTER COLUMN nick SET NOT NULL;
  END IF;
END $$;

-- case: not-null
CREATE TABLE users_new (id int);
ALTER TABLE users ALTER COLUMN a SET NOT NULL, ALTER COLUMN b SET NOT NULL;

-- case: not-null pg=18
ALTER TABLE users ADD CONSTRAINT users_email_nn NOT NULL email;

-- case: not-null
ALTER TABLE users ADD COLUMN plan text;
ALTER TABLE users ALTER COLUMN plan SET NOT NULL;

-- case: clean
CREATE TABLE t (a int);
ALTER TABLE t ALTER a SET NOT NULL;

-- case: clean
ALTER TABLE users ADD COLUMN active boolean NOT NULL DEFAULT true;

-- case: clean pg=18
-- stint: no-transaction
ALTER TABLE users ADD CONSTRAINT nn NOT NULL email NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT nn;

-- case: clean
CREATE TEMP TABLE tmp (a int);
ALTER TABLE tmp ALTER COLUMN a SET NOT NULL;
INSERT INTO tmp SELECT id FROM users WHERE id < 100;

-- case: clean
CREATE TABLE parts (LIKE users INCLUDING ALL);
ALTER TABLE parts ALTER COLUMN email SET NOT NULL;

-- case: clean
ALTER TABLE users ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

-- case: required-column
ALTER TABLE users ADD COLUMN tenant_id bigint NOT NULL;

-- case: required-column
ALTER TABLE "User" ADD COLUMN "tenantId" TEXT NOT NULL;

-- case: required-column
-- AlterTable
ALTER TABLE "Post" ADD COLUMN     "slug" TEXT NOT NULL,
ADD COLUMN     "views" INTEGER NOT NULL DEFAULT 0;

-- case: required-column
ALTER TABLE users ADD COLUMN tenant_id bigint NOT NULL DEFAULT NULL;

-- case: required-column
ALTER TABLE users ADD COLUMN tenant_id uuid NOT NULL REFERENCES tenants (id);

-- case: required-column
ALTER TABLE users ADD tenant_id int4 NULL, ADD code char(3) NOT NULL;

-- case: required-column
BEGIN;
SET LOCAL lock_timeout TO '2s';
ALTER TABLE IF EXISTS users ADD COLUMN IF NOT EXISTS region text COLLATE "C" NOT NULL CHECK (region <> '');
COMMIT;

-- case: required-column
DO $$ BEGIN ALTER TABLE users ADD COLUMN org_id int NOT NULL; EXCEPTION WHEN duplicate_column THEN NULL; END $$;

-- case: clean
ALTER TABLE users ADD COLUMN score int NOT NULL DEFAULT 0;

-- case: clean
ALTER TABLE users ADD COLUMN tags text[] NOT NULL DEFAULT '{}';

-- case: clean
ALTER TABLE users ADD COLUMN meta jsonb NOT NULL DEFAULT '{}'::jsonb, ADD COLUMN note text;

-- case: clean
CREATE TABLE orgs (id int PRIMARY KEY);
ALTER TABLE orgs ADD COLUMN name text NOT NULL;

-- case: clean
ALTER TABLE users ADD COLUMN role user_role NOT NULL DEFAULT 'member';

-- case: clean
ALTER TABLE users ADD COLUMN day date NOT NULL DEFAULT CURRENT_DATE, ADD COLUMN who text DEFAULT CURRENT_USER;

-- case: clean
ALTER TABLE users ADD COLUMN sort_key int DEFAULT (10 * 2) NOT NULL;

-- case: table-rewrite
ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();

-- case: table-rewrite
ALTER TABLE users ADD COLUMN seen timestamptz DEFAULT clock_timestamp();

-- case: table-rewrite
ALTER TABLE events ALTER COLUMN id TYPE bigint;

-- case: table-rewrite
ALTER TABLE events ADD COLUMN seq bigserial;

-- case: table-rewrite
ALTER TABLE events ADD COLUMN seq bigint GENERATED BY DEFAULT AS IDENTITY;

-- case: table-rewrite
ALTER TABLE people ADD COLUMN full_name text GENERATED ALWAYS AS (first || ' ' || last) STORED;

-- case: table-rewrite
VACUUM FULL VERBOSE orders;

-- case: table-rewrite
CLUSTER orders USING orders_pkey;

-- case: table-rewrite
ALTER TABLE cache SET LOGGED;

-- case: table-rewrite
ALTER TABLE orders SET TABLESPACE ssd;

-- case: table-rewrite
ALTER TABLE logs ALTER COLUMN payload TYPE jsonb USING payload::jsonb;

-- case: table-rewrite
ALTER TABLE t ADD COLUMN lucky int DEFAULT (floor(random() * 100))::int NOT NULL;

-- case: table-rewrite
ALTER TABLE t ALTER COLUMN ts TYPE timestamptz USING ts AT TIME ZONE 'UTC';

-- case: table-rewrite
ALTER TABLE t ALTER COLUMN code TYPE char(10);

-- case: table-rewrite pg=17
ALTER TABLE people ALTER COLUMN full_name SET EXPRESSION AS (first || last);

-- case: table-rewrite
CREATE SEQUENCE t_no_seq;
ALTER TABLE t ADD COLUMN no bigint NOT NULL DEFAULT nextval('t_no_seq');

-- case: table-rewrite pg=16
ALTER TABLE t SET ACCESS METHOD columnar;

-- case: table-rewrite
CREATE DOMAIN pct AS numeric CHECK (VALUE BETWEEN 0 AND 100);
ALTER TABLE t ADD COLUMN share pct;

-- case: clean
ALTER TABLE users ALTER COLUMN token SET DEFAULT gen_random_uuid();

-- case: clean
ALTER TABLE users ADD COLUMN a timestamptz DEFAULT now(), ADD COLUMN b timestamptz DEFAULT statement_timestamp(), ADD COLUMN c date DEFAULT date_trunc('month', now())::date;

-- case: clean
CREATE TABLE t (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, n int);
ALTER TABLE t ADD COLUMN token uuid DEFAULT gen_random_uuid(), ALTER COLUMN n TYPE bigint;

-- case: clean
CREATE TABLE t (id int);
VACUUM FULL t;

-- case: clean
ALTER TABLE users ADD COLUMN locale text DEFAULT lower('EN');

-- case: clean pg=18
ALTER TABLE people ADD COLUMN full_name text GENERATED ALWAYS AS (first || ' ' || last) VIRTUAL;

-- case: clean
ALTER TABLE orders SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);

-- case: clean
ALTER TABLE t ADD COLUMN id2 bigint;
CREATE SEQUENCE t_id2_seq OWNED BY t.id2;
ALTER TABLE t ALTER COLUMN id2 SET DEFAULT nextval('t_id2_seq');

-- case: clean
ALTER TABLE people ALTER COLUMN full_name DROP EXPRESSION;

-- case: clean
CREATE DOMAIN label AS text;
ALTER TABLE t ADD COLUMN l label;

-- case: clean
CREATE UNLOGGED TABLE c (k text PRIMARY KEY, v text);
ALTER TABLE c SET LOGGED;

-- case: data-loss
DROP TABLE IF EXISTS old_orders, "Old Customers" CASCADE;

-- case: data-loss
ALTER TABLE users DROP COLUMN IF EXISTS nick CASCADE;

-- case: data-loss
TRUNCATE audit_log RESTART IDENTITY CASCADE;

-- case: data-loss
DELETE FROM sessions;

-- case: data-loss dml-volume
UPDATE users SET status = 'x' WHERE 1 = 1;

-- case: data-loss
DROP SCHEMA legacy CASCADE;

-- case: data-loss
DROP TYPE mood CASCADE;

-- case: data-loss
DROP DATABASE analytics;

-- case: data-loss
DROP VIEW v_customers CASCADE;

-- case: data-loss
WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO orders_archive SELECT * FROM gone;

-- case: data-loss
DO $$ DECLARE r record; BEGIN
  DELETE FROM carts WHERE true;
END $$;

-- case: data-loss
ALTER SEQUENCE orders_id_seq RESTART WITH 1;

-- case: data-loss
DROP EXTENSION hstore CASCADE;

-- case: data-loss
DROP MATERIALIZED VIEW IF EXISTS mv_a; DROP TABLE public.b;

-- case: data-loss
DELETE FROM users WHERE id = id;

-- case: data-loss
ALTER TABLE users
   RENAME COLUMN a TO b;
ALTER TABLE users DROP b;

-- case: clean
CREATE TABLE tmp (id int);
DROP TABLE tmp;

-- case: clean
CREATE OR REPLACE VIEW v AS SELECT id FROM users;

-- case: clean
DROP FUNCTION IF EXISTS old_fn(int, text);

-- case: clean
DELETE FROM settings WHERE key = 'beta';

-- case: clean
DROP TRIGGER IF EXISTS trg ON users;
CREATE TRIGGER trg BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();

-- case: clean
CREATE TEMP TABLE stage AS SELECT * FROM users WHERE id < 10;
DELETE FROM stage;
TRUNCATE stage;
DROP TABLE stage;

-- case: clean
UPDATE feature_flags SET enabled = true WHERE name IN ('a', 'b');

-- case: clean
CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS 'DELETE FROM cart_items WHERE cart_id IS NULL';

-- case: clean
DROP INDEX CONCURRENTLY idx_a;
DROP POLICY IF EXISTS p ON users;

-- case: clean
BEGIN;
CREATE TABLE users_copy (id int, a text);
ALTER TABLE users_copy DROP COLUMN a;
COMMIT;

-- case: compat
ALTER TABLE users RENAME COLUMN mail TO email;

-- case: compat
ALTER TABLE users RENAME TO accounts;

-- case: compat
ALTER SCHEMA app RENAME TO application;

-- case: compat
ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy';

-- case: compat
ALTER TABLE users SET SCHEMA archive;

-- case: compat
ALTER VIEW active_users RENAME TO current_users_v;

-- case: compat
alter table "User" rename "name" to "fullName";

-- case: compat data-loss
ALTER TABLE users DROP COLUMN legacy_flag;

-- case: compat
ALTER TABLE invoices ALTER COLUMN currency DROP DEFAULT;

-- case: compat
ALTER FUNCTION price(int) RENAME TO price_of;

-- case: compat
ALTER TABLE tickets DROP CONSTRAINT tickets_pkey;

-- case: clean
BEGIN;
ALTER TABLE users RENAME TO accounts;
CREATE VIEW users AS SELECT * FROM accounts;
COMMIT;

-- case: clean
ALTER INDEX a RENAME TO b;
ALTER SEQUENCE s RENAME TO s2;

-- case: clean
CREATE TABLE staging_t (id int PRIMARY KEY);
ALTER TABLE staging_t RENAME TO final_t;
ALTER TABLE final_t RENAME COLUMN id TO pk;

-- case: clean
ALTER TABLE users RENAME CONSTRAINT a TO b;

-- case: clean
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'meh';

-- case: clean
CREATE OR REPLACE FUNCTION price(i int) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT price FROM items WHERE id = i $$;

-- case: clean
ALTER TABLE users ADD COLUMN email2 text;

-- case: clean
COMMENT ON COLUMN users.email IS 'renamed from mail';

-- case: clean
ALTER TABLE users ALTER COLUMN bio SET DEFAULT '';

-- case: lock-timeout
SET lock_timeout = 0;
ALTER TABLE users ADD COLUMN a int;

-- case: lock-timeout
SET lock_timeout = '30min';
ALTER TABLE users ADD COLUMN a int;

-- case: lock-timeout
SET lock_timeout = 2;
ALTER TABLE users ADD COLUMN a int;

-- case: lock-timeout
RESET ALL;
ALTER TABLE users ADD COLUMN a int;

-- case: lock-timeout
SELECT set_config('lock_timeout', '0', false);
ALTER TABLE users ADD COLUMN a int;

-- case: lock-timeout
SET lock_timeout TO DEFAULT;
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();

-- case: lock-timeout
DISCARD ALL;
ALTER TABLE users ALTER a SET DEFAULT 4;

-- case: lock-timeout
RESET lock_timeout;
CREATE TABLE kids (id int PRIMARY KEY, parent_id int REFERENCES parents (id));

-- case: clean
SET lock_timeout = '3s';
ALTER TABLE users ADD COLUMN a int;

-- case: clean
SET lock_timeout = '2s';
SET statement_timeout = '10min';
ALTER TABLE users ADD COLUMN a int;
RESET lock_timeout;

-- case: clean
BEGIN;
SET LOCAL lock_timeout = '4s';
ALTER TABLE users ADD COLUMN a int;
COMMIT;

-- case: clean
SET lock_timeout = 0;
CREATE INDEX CONCURRENTLY a_b ON a (b);

-- case: clean
SET lock_timeout = 0;
CREATE TABLE brand_new (id int PRIMARY KEY);
ALTER TABLE brand_new ADD COLUMN x int;

-- case: clean
SELECT set_config('lock_timeout', '3s', true);
ALTER TABLE users ADD COLUMN a int;

-- case: clean
SET statement_timeout = '5min';
INSERT INTO users (id) VALUES (1);

-- case: clean
SET lock_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
SET lock_timeout = '2s';
ALTER TABLE public.users ADD COLUMN a int;

-- case: clean
ALTER TABLE users ADD COLUMN a int;

-- case: clean
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET default_table_access_method = heap;
CREATE TABLE public.k (id int PRIMARY KEY);

-- case: lock-scope
BEGIN;
ALTER TABLE users ADD COLUMN a int;
UPDATE orders SET total = 0 WHERE total IS NULL;
COMMIT;

-- case: lock-scope
BEGIN;
ALTER TABLE users ADD COLUMN a int;
ALTER TABLE orders ADD COLUMN b int;
ALTER TABLE items ADD COLUMN c int;
COMMIT;

-- case: lock-scope
LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE;

-- case: lock-scope
ALTER TABLE users ADD COLUMN a int;
SELECT pg_sleep(60);

-- case: lock-scope constraint-validation
BEGIN;
ALTER TABLE a ALTER x SET DEFAULT 1;
ALTER TABLE b VALIDATE CONSTRAINT b_c;
COMMIT;

-- case: lock-scope constraint-validation
ALTER TABLE kids ADD CONSTRAINT f1 FOREIGN KEY (a) REFERENCES pa NOT VALID, ADD CONSTRAINT f2 FOREIGN KEY (b) REFERENCES pb NOT VALID;

-- case: lock-scope index-build
ALTER TABLE users ADD COLUMN a int;
CREATE INDEX users_a ON users (a);

-- case: lock-scope dml-volume
BEGIN;
DROP TRIGGER trg ON orders;
INSERT INTO orders_archive SELECT * FROM orders WHERE at < '2020-01-01';
COMMIT;

-- case: lock-scope
BEGIN;
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;
UPDATE users SET a = 1 WHERE b = 2;
COMMIT;

-- case: clean
ALTER TABLE users ADD COLUMN a int, ADD COLUMN b int, ADD COLUMN c text DEFAULT 'x';

-- case: clean
BEGIN;
ALTER TABLE users ADD COLUMN a int;
COMMENT ON COLUMN users.a IS 'a';
COMMIT;

-- case: clean
CREATE TABLE n (id int PRIMARY KEY);
INSERT INTO n SELECT generate_series(1, 100);
ALTER TABLE n ADD COLUMN x int;

-- case: clean
ALTER TABLE users VALIDATE CONSTRAINT c, SET (fillfactor = 70);

-- case: clean
SELECT pg_sleep(0.1);

-- case: clean
CREATE TABLE l (id int);
LOCK TABLE l IN ACCESS EXCLUSIVE MODE;

-- case: clean
ALTER TABLE users ADD COLUMN a int;
GRANT SELECT ON users TO app_reader;
INSERT INTO schema_notes (what) VALUES ('a added');

-- case: clean
ALTER TABLE users ADD COLUMN a int;
ALTER TABLE users ADD COLUMN b int;
ALTER TABLE users ALTER COLUMN b SET DEFAULT 3;

-- case: dml-volume
UPDATE users SET full_name = first_name || ' ' || last_name;

-- case: dml-volume
UPDATE users SET full_name = first_name WHERE full_name IS NULL;

-- case: dml-volume
INSERT INTO events_new (id, payload) SELECT id, payload FROM events;

-- case: dml-volume
DELETE FROM events WHERE created_at < now() - interval '90 days';

-- case: dml-volume
UPDATE orders o SET region = c.region FROM customers c WHERE c.id = o.customer_id;

-- case: dml-volume
DO $$
BEGIN
  UPDATE accounts SET balance_cents = balance * 100 WHERE balance_cents IS NULL;
END $$;

-- case: dml-volume
WITH x AS (SELECT id, row_number() OVER (PARTITION BY org_id ORDER BY id) AS n FROM tickets)
UPDATE tickets t SET number = x.n FROM x WHERE x.id = t.id;

-- case: dml-volume pg=15
MERGE INTO stock s USING deliveries d ON s.sku = d.sku
WHEN MATCHED THEN UPDATE SET qty = s.qty + d.qty
WHEN NOT MATCHED THEN INSERT (sku, qty) VALUES (d.sku, d.qty);

-- case: clean
INSERT INTO roles (id, name) VALUES (1, 'admin'), (2, 'user') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name;

-- case: clean
UPDATE settings SET value = 'on' WHERE key = 'signup';

-- case: clean
UPDATE orders SET total = 0 WHERE id BETWEEN 1000 AND 2000;

-- case: clean
CREATE TABLE m (id int PRIMARY KEY);
INSERT INTO m VALUES (1), (2);
UPDATE m SET id = id + 10;

-- case: clean
INSERT INTO m (id) SELECT generate_series(1, 10);

-- case: clean
INSERT INTO permissions (role_id, name) SELECT id, 'export' FROM roles WHERE name = 'admin';

-- case: clean
DELETE FROM users WHERE id = 42;

-- case: clean
CREATE TRIGGER fill BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fill_full_name();

-- case: clean
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$ UPDATE users SET a = 1 WHERE a IS NULL $$;

-- case: partition
ALTER TABLE measurements ATTACH PARTITION measurements_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');

-- case: partition
ALTER TABLE measurements DETACH PARTITION measurements_2019;

-- case: partition
CREATE TABLE measurements_2026 PARTITION OF measurements FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

-- case: partition
ALTER TABLE "Logs" ATTACH PARTITION "Logs_eu" FOR VALUES IN ('eu', 'uk');

-- case: partition
CREATE TABLE IF NOT EXISTS events_default PARTITION OF events DEFAULT;

-- case: partition
BEGIN;
ALTER TABLE events DETACH PARTITION events_2018;
DROP TABLE events_2018;
COMMIT;

-- case: clean
CREATE TABLE ev (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE ev_2019 PARTITION OF ev FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
CREATE TABLE ev_def PARTITION OF ev DEFAULT;

-- case: clean
ALTER TABLE measurements DETACH PARTITION measurements_2019 CONCURRENTLY;

-- case: clean
ALTER TABLE measurements DETACH PARTITION measurements_2019 FINALIZE;

-- case: clean
CREATE TABLE ev (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE ev_a (LIKE ev);
ALTER TABLE ev ATTACH PARTITION ev_a FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');

-- case: clean
ALTER INDEX ev_at ATTACH PARTITION ev_2019_at;

-- case: clean
CREATE TABLE h (id int) PARTITION BY HASH (id);
CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON h (id);

-- case: enum
BEGIN;
ALTER TYPE mood ADD VALUE 'meh';
INSERT INTO diary (m) VALUES ('meh');
COMMIT;

-- case: enum
BEGIN;
ALTER TYPE order_status ADD VALUE 'returned' AFTER 'shipped';
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'returned';
COMMIT;

-- case: enum
ALTER TYPE mood ADD VALUE 'meh';
UPDATE diary SET m = 'meh' WHERE m = 'sad' AND id < 100;

-- case: enum pg=15
BEGIN;
CREATE TYPE col AS ENUM ('r');
ALTER TYPE col ADD VALUE 'g';
CREATE TABLE pix (c col DEFAULT 'g');
COMMIT;

-- case: enum
BEGIN;
ALTER TYPE mood ADD VALUE 'meh';
ALTER TABLE diary ADD CONSTRAINT c CHECK (m <> 'meh'::mood) NOT VALID;
COMMIT;

-- case: enum table-rewrite
ALTER TYPE mood RENAME TO mood_old;
CREATE TYPE mood AS ENUM ('sad', 'ok');
ALTER TABLE diary ALTER COLUMN m TYPE mood USING m::text::mood;
DROP TYPE mood_old;

-- case: enum tx-incompatible will-fail
DO $$ BEGIN
  ALTER TYPE mood ADD VALUE 'meh';
  INSERT INTO diary (m) VALUES ('meh'::mood);
END $$;

-- case: enum
BEGIN;
ALTER TYPE "public"."Role" ADD VALUE 'MODERATOR';
CREATE INDEX CONCURRENTLY x ON "User" (id) WHERE role = 'MODERATOR';
COMMIT;

-- case: clean
ALTER TYPE mood ADD VALUE 'meh';

-- case: clean
CREATE TYPE mood2 AS ENUM ('a', 'b');
CREATE TABLE d2 (m mood2 DEFAULT 'a');

-- case: clean
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'meh' BEFORE 'sad';
INSERT INTO changes (note) VALUES ('mood has one more');

-- case: clean
DO $$ BEGIN
  CREATE TYPE mood3 AS ENUM ('x', 'y');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

-- case: clean
BEGIN;
ALTER TYPE mood ADD VALUE 'meh';
COMMIT;

-- case: clean
ALTER TYPE mood ADD VALUE 'x1';
ALTER TYPE mood ADD VALUE 'x2';
ALTER TYPE mood ADD VALUE 'x3' AFTER 'x1';

-- case: clean
COMMENT ON TYPE mood IS 'how one feels';
ALTER TYPE mood OWNER TO app_owner;

-- case: matview
REFRESH MATERIALIZED VIEW daily_sales;

-- case: matview
REFRESH MATERIALIZED VIEW "Stats"."Daily" WITH DATA;

-- case: matview
DO $$ BEGIN REFRESH MATERIALIZED VIEW a; END $$;

-- case: matview
BEGIN;
CREATE MATERIALIZED VIEW x AS SELECT 1 AS a WITH NO DATA;
REFRESH MATERIALIZED VIEW y;
COMMIT;

-- case: matview will-fail
CREATE MATERIALIZED VIEW mx AS SELECT id FROM users;
REFRESH MATERIALIZED VIEW CONCURRENTLY mx;

-- case: matview will-fail
CREATE MATERIALIZED VIEW mz AS SELECT id FROM users WITH NO DATA;
CREATE UNIQUE INDEX mz_id ON mz (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY mz;

-- case: matview will-fail
REFRESH MATERIALIZED VIEW CONCURRENTLY mq WITH NO DATA;

-- case: clean
CREATE MATERIALIZED VIEW mx AS SELECT 1 AS a;
REFRESH MATERIALIZED VIEW mx;

-- case: clean
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_sales;

-- case: clean
CREATE MATERIALIZED VIEW mx AS SELECT 1 AS a WITH NO DATA;
CREATE UNIQUE INDEX ON mx (a);
REFRESH MATERIALIZED VIEW mx;

-- case: clean
CREATE VIEW v AS SELECT 1 AS a;
COMMENT ON VIEW v IS 'REFRESH MATERIALIZED VIEW';

-- case: clean
CREATE MATERIALIZED VIEW mx AS SELECT 1 AS a;
CREATE UNIQUE INDEX ON mx (a);
REFRESH MATERIALIZED VIEW CONCURRENTLY mx;

-- case: clean
ALTER MATERIALIZED VIEW mx OWNER TO reporting;

-- case: clean
GRANT SELECT ON mx TO reporting;

-- case: clean
CREATE FUNCTION refresh_all() RETURNS void LANGUAGE sql AS 'REFRESH MATERIALIZED VIEW CONCURRENTLY mx';

-- case: identifier
CREATE TABLE t (id int PRIMARY KEY, this_is_a_really_very_long_column_name_that_goes_on_past_sixty_three_bytes int);

-- case: identifier
CREATE INDEX CONCURRENTLY idx_on_some_extremely_long_table_name_and_column_name_which_is_cut ON t (a);

-- case: identifier
ALTER TABLE t ADD CONSTRAINT fk_rails_some_very_long_constraint_name_that_will_be_truncated_by_pg CHECK (a > 0) NOT VALID;

-- case: identifier
CREATE TABLE "größenordnungsübersichtsänderungsübergangslösungsüberprüfungen" (id int PRIMARY KEY);

-- case: identifier
CREATE TABLE a (id int PRIMARY KEY,
  very_long_prefix_that_is_the_same_for_both_of_these_columns_here_xx_one int,
  very_long_prefix_that_is_the_same_for_both_of_these_columns_here_xx_two int);

-- case: identifier
CREATE FUNCTION this_function_name_is_so_long_that_postgresql_will_cut_it_off_at_63() RETURNS int LANGUAGE sql AS 'SELECT 1';

-- case: identifier
ALTER TABLE t RENAME COLUMN a TO customer_relationship_management_external_reference_identifier_x;

-- case: identifier
CREATE TYPE customer_relationship_management_external_reference_identifier_t AS ENUM ('a');

-- case: identifier
CREATE TABLE t (id int PRIMARY KEY, id2 int);
CREATE INDEX idx_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1 ON t (id);
CREATE INDEX idx_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2 ON t (id2);

-- case: clean
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (id int PRIMARY KEY);

-- case: clean
CREATE TABLE t (id int PRIMARY KEY, note text DEFAULT 'a_very_long_literal_that_is_not_an_identifier_and_so_may_be_as_long_as_it_likes');

-- case: clean
CREATE TABLE "größe" (id int PRIMARY KEY);

-- case: clean
COMMENT ON TABLE t IS 'this is a comment that is longer than sixty three bytes and nobody should care about that';

-- case: clean
CREATE TABLE "Mixed Case Name" ("Id" int PRIMARY KEY, "select" text);

-- case: clean
-- this_is_a_really_very_long_column_name_that_goes_on_past_sixty_three_bytes_in_a_comment
ALTER TABLE t ADD COLUMN a int;

-- case: clean
CREATE TABLE my_schema_with_a_long_name_number_one.another_table_with_a_long_name_too (id int PRIMARY KEY);

-- case: clean
CREATE TABLE t (id int PRIMARY KEY, "user" text, "order" int);

-- case: security
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;

-- case: security
ALTER TABLE accounts DISABLE ROW LEVEL SECURITY;

-- case: security
ALTER TABLE accounts DISABLE TRIGGER ALL;

-- case: security
ALTER SYSTEM SET shared_buffers = '4GB';

-- case: security
CREATE ROLE admin2 SUPERUSER LOGIN;

-- case: security
CREATE FUNCTION who() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';

-- case: security
ALTER ROLE app BYPASSRLS;

-- case: security
CREATE USER app_user WITH PASSWORD 'hunter2';

-- case: security
GRANT SELECT, INSERT ON users TO PUBLIC;

-- case: security
SET session_replication_role = replica;

-- case: security
CREATE POLICY everybody ON documents USING (true);

-- case: security
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;

-- case: security
GRANT postgres TO app_user;

-- case: security
COPY users FROM PROGRAM 'curl http://x/users.csv';

-- case: clean
GRANT SELECT ON users TO reader;

-- case: clean
CREATE FUNCTION who() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT current_user::text';

-- case: clean
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (owner = current_user);

-- case: clean
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- case: clean
ALTER TABLE accounts DISABLE TRIGGER audit;
UPDATE accounts SET a = 1 WHERE id = 3;
ALTER TABLE accounts ENABLE TRIGGER audit;

-- case: clean
CREATE ROLE reader NOLOGIN;
GRANT USAGE ON SCHEMA app TO reader;

-- case: clean
CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY INVOKER AS 'SELECT 1';

-- case: clean
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader;

-- case: clean
GRANT USAGE ON TYPE mood TO app;
ALTER ROLE app SET search_path = app, public;

-- case: version pg=14
CREATE UNIQUE INDEX CONCURRENTLY a ON t (b) NULLS NOT DISTINCT;

-- case: version pg=13
ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;

-- case: version pg=14
MERGE INTO s USING d ON s.id = d.id WHEN MATCHED THEN DO NOTHING;

-- case: version pg=13
ALTER TABLE t ALTER COLUMN c SET COMPRESSION lz4;

-- case: version pg=14
CREATE VIEW v WITH (security_invoker = true) AS SELECT 1 AS a;

-- case: version pg=17
ALTER TABLE p ADD COLUMN full_name text GENERATED ALWAYS AS (a || b) VIRTUAL;

-- case: version pg=16
ALTER TABLE p ALTER COLUMN x SET EXPRESSION AS (a + 1);

-- case: version pg=17
ALTER TABLE p ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED;

-- case: version pg=13
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + b; END;

-- case: version pg=17
CREATE TABLE t (id uuid PRIMARY KEY DEFAULT uuidv7());

-- case: version pg=14
ALTER TABLE t SET ACCESS METHOD heap;

-- case: version pg=17
CREATE TABLE b (id int, d daterange, PRIMARY KEY (id, d WITHOUT OVERLAPS));

-- case: version pg=13
CREATE TABLE m (r int4multirange);

-- case: version pg=14
CREATE INDEX CONCURRENTLY a ON t (b);

-- case: clean pg=15
CREATE TABLE t (id int PRIMARY KEY, a int, UNIQUE NULLS NOT DISTINCT (a));

-- case: clean pg=14
ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;

-- case: clean pg=15
MERGE INTO s USING (VALUES (1, 'a')) d (id, n) ON s.id = d.id WHEN NOT MATCHED THEN INSERT (id, n) VALUES (d.id, d.n);

-- case: clean pg=14
ALTER TABLE t ALTER COLUMN c SET COMPRESSION lz4;

-- case: clean pg=18
CREATE TABLE t (id uuid PRIMARY KEY DEFAULT uuidv7());

-- case: clean pg=18
CREATE TABLE b (id int4range, d daterange, PRIMARY KEY (id, d WITHOUT OVERLAPS));

-- case: clean pg=14
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + b; END;

-- case: clean pg=15
CREATE VIEW v WITH (security_invoker = true) AS SELECT 1 AS a;

-- case: clean pg=18
CREATE TABLE g (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2));

-- case: clean pg=16
CREATE TABLE s (id int PRIMARY KEY, body text STORAGE EXTERNAL);

-- case: clean pg=13
CREATE TABLE m (id uuid PRIMARY KEY DEFAULT gen_random_uuid());

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY, a int, a text);

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
ALTER TABLE t ADD COLUMN id int;

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY);

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
CREATE VIEW v AS SELECT id FROM t;
ALTER TABLE t DROP COLUMN id;

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY, n text);
CREATE VIEW v AS SELECT n FROM t;
ALTER TABLE t ALTER COLUMN n TYPE varchar(40);

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
ALTER TABLE t DROP CONSTRAINT t_key;

-- case: will-fail
CREATE TABLE p (id int);
CREATE TABLE c (pid int REFERENCES p (id));

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
CREATE INDEX ON t (missing);

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t (id, nme) VALUES (1, 'x');

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY, v int);
DROP TABLE t;
UPDATE t SET v = 1 WHERE id = 1;

-- case: will-fail
CREATE TABLE ev (id bigint PRIMARY KEY, at date) PARTITION BY RANGE (at);

-- case: will-fail
CREATE TABLE a (id int PRIMARY KEY, b text);
ALTER TABLE a RENAME COLUMN c TO d;

-- case: will-fail
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t);
DROP TABLE t;

-- case: clean
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY);
ALTER TABLE t ADD COLUMN IF NOT EXISTS id int;

-- case: clean
CREATE TABLE t (id int PRIMARY KEY, n text);
DROP TABLE t;
CREATE TABLE t (id int PRIMARY KEY, m text);
INSERT INTO t (id, m) VALUES (1, 'a');

-- case: clean
CREATE TABLE t (id int PRIMARY KEY, n text);
CREATE VIEW v AS SELECT n FROM t;
DROP VIEW v;
ALTER TABLE t DROP COLUMN n;

-- case: clean
CREATE TABLE p (id int UNIQUE);
CREATE TABLE c (pid int REFERENCES p (id));

-- case: clean
CREATE TABLE ev (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);

-- case: clean
CREATE TABLE x.t (id int PRIMARY KEY);
CREATE TABLE y.t (id int PRIMARY KEY);

-- case: clean
CREATE TABLE t (id int PRIMARY KEY, "N" text, n text);
INSERT INTO t (id, "N", n) VALUES (1, 'a', 'b');

-- case: clean
CREATE TABLE parent (id int PRIMARY KEY, created timestamptz);
CREATE TABLE child (extra text) INHERITS (parent);
CREATE INDEX ON child (created);

-- case: clean
CREATE TABLE c (LIKE users INCLUDING ALL);
INSERT INTO c (id, email) VALUES (1, 'x');
CREATE INDEX ON c (email);

-- case: dynamic-sql
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'app' LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN tenant int', r.tablename);
  END LOOP;
END $$;

-- case: dynamic-sql
CALL rebuild_everything();

-- case: dynamic-sql
SELECT migrate_accounts();

-- case: dynamic-sql
DO LANGUAGE plpgsql $x$ DECLARE q text := 'DROP TABLE ' || current_user; BEGIN EXECUTE q; END $x$;

-- case: dynamic-sql
DO $$ import plpy
plpy.execute("drop table x") $$ LANGUAGE plpython3u;

-- case: dynamic-sql
SELECT * FROM create_partitions('events', 12);

-- case: dynamic-sql
CREATE FUNCTION runit(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE ' || t; END $$;
SELECT runit('old');

-- case: clean
DO $$ BEGIN
  EXECUTE 'CREATE TABLE dyn (id int PRIMARY KEY)';
END $$;

-- case: clean
SELECT setval('orders_id_seq', 1000);

-- case: clean
SELECT count(*) FROM users;

-- case: clean
SELECT pg_catalog.set_config('search_path', 'app', false);

-- case: clean
DO $$ BEGIN
  IF (SELECT count(*) FROM pg_roles WHERE rolname = 'reader') = 0 THEN
    CREATE ROLE reader;
  END IF;
END $$;

-- case: clean
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SELECT pg_notify('schema', 'changed');

-- case: clean
SELECT lower(name), coalesce(nick, '') FROM users LIMIT 1;

-- case: clean
DO $$ BEGIN
  EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY)', 'from_format');
END $$;

-- case: clean
-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');

-- CreateTable
CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "role" "Role" NOT NULL DEFAULT 'USER',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Post" (
    "id" SERIAL NOT NULL,
    "authorId" TEXT NOT NULL,
    "title" TEXT NOT NULL,

    CONSTRAINT "Post_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- case: required-column
/*
  Warnings:

  - Added the required column `slug` to the `Post` table without a default value. This is not possible if the table is not empty.

*/
-- AlterTable
ALTER TABLE "Post" ADD COLUMN     "slug" TEXT NOT NULL;

-- case: index-build unique-build
-- CreateIndex
CREATE UNIQUE INDEX "Post_slug_key" ON "Post"("slug");

-- case: data-loss
/*
  Warnings:
  - You are about to drop the column `name` on the `User` table. All the data in the column will be lost.
*/
-- AlterTable
ALTER TABLE "User" DROP COLUMN "name",
ADD COLUMN     "firstName" TEXT,
ADD COLUMN     "lastName" TEXT;

-- case: clean
-- AlterTable
ALTER TABLE "User" ADD COLUMN     "bio" TEXT,
ADD COLUMN     "age" INTEGER DEFAULT 18;

-- case: enum table-rewrite
-- AlterEnum
BEGIN;
CREATE TYPE "Role_new" AS ENUM ('USER', 'OWNER');
ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
ALTER TYPE "Role" RENAME TO "Role_old";
ALTER TYPE "Role_new" RENAME TO "Role";
DROP TYPE "Role_old";
ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER';
COMMIT;

-- case: clean
-- AlterEnum
ALTER TYPE "Role" ADD VALUE 'MODERATOR';

-- case: constraint-validation
-- AddForeignKey
ALTER TABLE "Profile" ADD CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- case: clean
-- CreateTable
CREATE TABLE "_PostToTag" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL
);
-- CreateIndex
CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B");
-- CreateIndex
CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B");
-- AddForeignKey
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- AddForeignKey
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- case: not-null
-- AlterTable
ALTER TABLE "User" ALTER COLUMN "email" SET NOT NULL,
ALTER COLUMN "updatedAt" DROP DEFAULT;

-- case: unique-build compat will-fail
-- AlterTable
ALTER TABLE "User" DROP CONSTRAINT "User_pkey",
ADD COLUMN "uid" UUID NOT NULL DEFAULT gen_random_uuid(),
ADD CONSTRAINT "User_pkey" PRIMARY KEY ("uid");

-- case: index-build
-- DropIndex
DROP INDEX "User_email_key";

-- case: clean
-- CreateExtension
CREATE EXTENSION IF NOT EXISTS "postgis" WITH SCHEMA "extensions";

-- case: data-loss
-- DropForeignKey
ALTER TABLE "Post" DROP CONSTRAINT "Post_authorId_fkey";
-- DropTable
DROP TABLE "Post";

-- case: data-loss
-- AlterTable
ALTER TABLE "Order" DROP COLUMN "total",
ADD COLUMN     "total" DECIMAL(65,30) NOT NULL DEFAULT 0;

-- case: clean
CREATE TABLE IF NOT EXISTS "users" (
	"id" serial PRIMARY KEY NOT NULL,
	"name" varchar(256),
	"created_at" timestamp DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" integer NOT NULL
);
--> statement-breakpoint
DO $$ BEGIN
 ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
--> statement-breakpoint
CREATE INDEX IF NOT EXISTS "sessions_user_idx" ON "sessions" USING btree ("user_id");

-- case: index-build
CREATE INDEX IF NOT EXISTS "name_idx" ON "users" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX IF NOT EXISTS "email_idx" ON "users" ("email");

-- case: table-rewrite
ALTER TABLE "users" ALTER COLUMN "id" SET DATA TYPE bigint;

-- case: compat
ALTER TABLE "users" RENAME COLUMN "name" TO "full_name";--> statement-breakpoint

-- case: required-column
ALTER TABLE "orders" ADD COLUMN "user_id" integer NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "note" text;

-- case: clean
ALTER TABLE "orders" ADD COLUMN "note" text;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "is_gift" boolean DEFAULT false NOT NULL;

-- case: unique-build
ALTER TABLE "users" ADD CONSTRAINT "users_email_unique" UNIQUE("email");

-- case: clean
ALTER TABLE "users" ALTER COLUMN "name" DROP NOT NULL;

-- case: data-loss
DROP TABLE "sessions" CASCADE;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "x" text;

-- case: clean
CREATE SCHEMA "auth";
--> statement-breakpoint
CREATE TYPE "auth"."kind" AS ENUM('a', 'b');--> statement-breakpoint
CREATE TABLE "auth"."keys" ("id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL, "kind" "auth"."kind" DEFAULT 'a' NOT NULL);--> statement-breakpoint
CREATE INDEX "keys_kind" ON "auth"."keys" USING btree ("kind");

-- case: constraint-validation index-build
BEGIN;
--
-- Add field author to book
--
ALTER TABLE "app_book" ADD COLUMN "author_id" bigint NULL CONSTRAINT "app_book_author_id_fk" REFERENCES "app_author"("id") DEFERRABLE INITIALLY DEFERRED; SET CONSTRAINTS "app_book_author_id_fk" IMMEDIATE;
CREATE INDEX "app_book_author_id" ON "app_book" ("author_id");
COMMIT;

-- case: clean
BEGIN;
--
-- Create model Author
--
CREATE TABLE "app_author" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "name" varchar(100) NOT NULL UNIQUE, "age" integer NOT NULL CHECK ("age" >= 0));
CREATE TABLE "app_book" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "author_id" bigint NOT NULL);
ALTER TABLE "app_book" ADD CONSTRAINT "app_book_author_id_fk" FOREIGN KEY ("author_id") REFERENCES "app_author" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "app_author_name_like" ON "app_author" ("name" varchar_pattern_ops);
CREATE INDEX "app_book_author_id" ON "app_book" ("author_id");
COMMIT;

-- case: compat
BEGIN;
-- Rename field name on author to full_name
ALTER TABLE "app_author" RENAME COLUMN "name" TO "full_name";
COMMIT;

-- case: clean
BEGIN;
-- Add field active to author
ALTER TABLE "app_author" ADD COLUMN "active" boolean DEFAULT true NOT NULL;
ALTER TABLE "app_author" ALTER COLUMN "active" DROP DEFAULT;
COMMIT;

-- case: table-rewrite data-loss
BEGIN;
-- Alter field name on author
ALTER TABLE "app_author" ALTER COLUMN "name" TYPE varchar(20);
COMMIT;

-- case: data-loss
BEGIN;
-- Remove field age from author
ALTER TABLE "app_author" DROP COLUMN "age" CASCADE;
COMMIT;

-- case: unique-build
BEGIN;
-- Alter unique_together for book (1 constraint(s))
ALTER TABLE "app_book" ADD CONSTRAINT "app_book_author_id_title_uniq" UNIQUE ("author_id", "title");
COMMIT;

-- case: constraint-validation
BEGIN;
-- Create constraint age_gte_18 on model author
ALTER TABLE "app_author" ADD CONSTRAINT "age_gte_18" CHECK ("age" >= 18);
COMMIT;

-- case: clean
-- Concurrently create index on field name of author
CREATE INDEX CONCURRENTLY "app_author_name_idx" ON "app_author" ("name");

-- case: data-loss dml-volume
BEGIN;
-- Alter field bio on author
UPDATE "app_author" SET "bio" = '' WHERE "bio" IS NULL; SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE "app_author" ALTER COLUMN "bio" SET NOT NULL;
COMMIT;

-- case: clean
CREATE TABLE "articles" ("id" bigserial primary key, "title" character varying, "user_id" bigint NOT NULL, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL, CONSTRAINT "fk_rails_3d31dad1cc"
FOREIGN KEY ("user_id")
  REFERENCES "users" ("id")
);
CREATE  INDEX  "index_articles_on_user_id" ON "articles"  ("user_id");
INSERT INTO "schema_migrations" (version) VALUES ('20260101000000');

-- case: index-build
ALTER TABLE "articles" ADD "editor_id" bigint;
CREATE  INDEX  "index_articles_on_editor_id" ON "articles"  ("editor_id");
ALTER TABLE "articles" ADD CONSTRAINT "fk_rails_abc" FOREIGN KEY ("editor_id") REFERENCES "users" ("id");

-- case: clean
CREATE  INDEX CONCURRENTLY "index_articles_on_slug" ON "articles"  ("slug");

-- case: table-rewrite
ALTER TABLE "articles" ALTER COLUMN "views" TYPE bigint;

-- case: clean
ALTER TABLE "articles" ALTER COLUMN "status" SET DEFAULT 'draft';

-- case: compat
ALTER TABLE "articles" RENAME TO "posts";
ALTER SEQUENCE "public"."articles_id_seq" RENAME TO "posts_id_seq";
ALTER INDEX "public"."articles_pkey" RENAME TO "posts_pkey";

-- case: constraint-validation
ALTER TABLE "articles" ADD CONSTRAINT "price_check" CHECK (price > 0);

-- case: clean
ALTER TABLE "articles" ADD CONSTRAINT "price_check" CHECK (price > 0) NOT VALID;

-- case: not-null
ALTER TABLE "articles" ALTER COLUMN "title" SET NOT NULL;

-- case: data-loss
ALTER TABLE "articles" DROP COLUMN "body";

-- case: clean
CREATE TABLE IF NOT EXISTS flyway_demo.person (
    id   BIGINT GENERATED BY DEFAULT AS IDENTITY,
    name VARCHAR(100) NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (id)
);
COMMENT ON TABLE flyway_demo.person IS 'people';
INSERT INTO flyway_demo.person (name) VALUES ('Axel'), ('Mr. Foo');

-- case: data-loss dml-volume
update person set name = upper(name);

-- case: index-build
create index idx_person_name on person (name);
commit;

-- case: tx-control
alter table person add column born date;
commit;

-- case: clean
create or replace view v_person as select id, name from person;
create or replace function f_person_count() returns bigint language sql stable as 'select count(*) from person';

-- case: security
grant select, insert, update, delete on all tables in schema public to public;

-- case: clean
grant select on all tables in schema public to readonly;
grant usage on all sequences in schema public to app;

-- case: data-loss
truncate table person;

-- case: clean
insert into country (code, name) values ('DE', 'Germany'), ('FR', 'France') on conflict do nothing;

-- case: security
create user report password 'secret';

-- case: clean
CREATE TABLE "public"."todos" ("id" uuid NOT NULL DEFAULT gen_random_uuid(), "created_at" timestamptz NOT NULL DEFAULT now(), "updated_at" timestamptz NOT NULL DEFAULT now(), "user_id" uuid NOT NULL, PRIMARY KEY ("id") , FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON UPDATE restrict ON DELETE cascade);
CREATE OR REPLACE FUNCTION "public"."set_current_timestamp_updated_at"()
RETURNS TRIGGER AS $$
DECLARE
  _new record;
BEGIN
  _new := NEW;
  _new."updated_at" = NOW();
  RETURN _new;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER "set_public_todos_updated_at"
BEFORE UPDATE ON "public"."todos"
FOR EACH ROW
EXECUTE PROCEDURE "public"."set_current_timestamp_updated_at"();
COMMENT ON TRIGGER "set_public_todos_updated_at" ON "public"."todos"
IS 'trigger to set value of column "updated_at" to current timestamp on row update';
CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- case: constraint-validation
alter table "public"."todos" drop constraint "todos_user_id_fkey",
  add constraint "todos_user_id_fkey"
  foreign key ("user_id")
  references "public"."users"
  ("id") on update restrict on delete restrict;

-- case: required-column
alter table "public"."todos" add column "list_id" uuid
 not null;

-- case: clean
alter table "public"."todos" add column "note" text
 null;

-- case: unique-build
alter table "public"."todos" add constraint "todos_title_key" unique ("title");

-- case: not-null
alter table "public"."todos" alter column "note" set not null;

-- case: compat
alter table "public"."todos" rename column "note" to "remark";

-- case: unique-build
BEGIN TRANSACTION;
ALTER TABLE "public"."todos" DROP CONSTRAINT "todos_pkey";
ALTER TABLE "public"."todos"
    ADD CONSTRAINT "todos_pkey" PRIMARY KEY ("id", "user_id");
COMMIT TRANSACTION;

-- case: index-build
CREATE  INDEX "todos_user" on
  "public"."todos" using btree ("user_id");

-- case: clean
alter table "public"."todos" alter column "note" drop not null;

-- case: clean
create table public.profiles (
  id uuid not null references auth.users on delete cascade,
  username text unique,
  primary key (id),
  constraint username_length check (char_length(username) >= 3)
);
alter table public.profiles enable row level security;
create policy "Users can update own profile." on public.profiles
  for update using ((select auth.uid()) = id);

-- case: security
create function public.handle_new_user()
returns trigger as $$
begin
  insert into public.profiles (id) values (new.id);
  return new;
end;
$$ language plpgsql security definer;

-- case: clean
create function public.handle_new_user()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  insert into public.profiles (id) values (new.id);
  return new;
end;
$$;
create trigger on_created after insert on public.signups for each row execute procedure public.handle_new_user();

-- case: security
alter table public.profiles disable row level security;

-- case: clean
insert into storage.buckets (id, name) values ('avatars', 'avatars');
create policy "Avatar images" on storage.objects for select using (bucket_id = 'avatars');

-- case: security
create policy "anyone" on public.messages for all using (true) with check (true);

-- case: clean
alter publication supabase_realtime add table messages;

-- case: security
revoke all on public.keys from anon; grant all on public.keys to public;

-- case: clean
DO $EF$
BEGIN
    IF NOT EXISTS(SELECT 1 FROM "__EFMigrationsHistory" WHERE "MigrationId" = '20260101_Init') THEN
    CREATE TABLE "Blogs" (
        "BlogId" integer GENERATED BY DEFAULT AS IDENTITY,
        "Url" text NOT NULL,
        CONSTRAINT "PK_Blogs" PRIMARY KEY ("BlogId")
    );
    END IF;
END $EF$;
DO $EF$
BEGIN
    IF NOT EXISTS(SELECT 1 FROM "__EFMigrationsHistory" WHERE "MigrationId" = '20260101_Init') THEN
    CREATE INDEX "IX_Blogs_Url" ON "Blogs" ("Url");
    END IF;
END $EF$;
DO $EF$
BEGIN
    IF NOT EXISTS(SELECT 1 FROM "__EFMigrationsHistory" WHERE "MigrationId" = '20260101_Init') THEN
    INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
    VALUES ('20260101_Init', '8.0.0');
    END IF;
END $EF$;

-- case: index-build
START TRANSACTION;
CREATE INDEX "IX_Posts_BlogId" ON "Posts" ("BlogId");
INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20260102_Ix', '8.0.0');
COMMIT;

-- case: clean
START TRANSACTION;
ALTER TABLE "Posts" ADD "Score" numeric NOT NULL DEFAULT 0.0;
INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion") VALUES ('20260103_Sc', '8.0.0');
COMMIT;

-- case: table-rewrite
START TRANSACTION;
ALTER TABLE "Posts" ALTER COLUMN "Id" TYPE uuid USING "Id"::uuid;
COMMIT;

-- case: data-loss
DO $EF$
BEGIN
    IF NOT EXISTS(SELECT 1 FROM "__EFMigrationsHistory" WHERE "MigrationId" = '2026_drop') THEN
    ALTER TABLE "Posts" DROP COLUMN "Summary";
    END IF;
END $EF$;

-- case: clean
BEGIN;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
-- Running upgrade  -> ae1027a6acf
CREATE TABLE account (id SERIAL NOT NULL, name VARCHAR(50) NOT NULL, PRIMARY KEY (id));
INSERT INTO alembic_version (version_num) VALUES ('ae1027a6acf') RETURNING alembic_version.version_num;
COMMIT;

-- case: clean
BEGIN;
-- Running upgrade ae1027a6acf -> 1975ea83b712
ALTER TABLE account ADD COLUMN last_transaction_date TIMESTAMP WITHOUT TIME ZONE;
UPDATE alembic_version SET version_num='1975ea83b712' WHERE alembic_version.version_num = 'ae1027a6acf';
COMMIT;

-- case: index-build
BEGIN;
CREATE UNIQUE INDEX ix_account_name ON account (name);
UPDATE alembic_version SET version_num='x' WHERE alembic_version.version_num = 'y';
COMMIT;

-- case: tx-incompatible
BEGIN;
CREATE INDEX CONCURRENTLY ix_account_name ON account (name);
UPDATE alembic_version SET version_num='x' WHERE alembic_version.version_num = 'y';
COMMIT;

-- case: clean
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TABLE public.a (
    id integer NOT NULL,
    name text
);
ALTER TABLE public.a OWNER TO app;
CREATE SEQUENCE public.a_id_seq AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER TABLE public.a_id_seq OWNER TO app;
ALTER SEQUENCE public.a_id_seq OWNED BY public.a.id;
ALTER TABLE ONLY public.a ALTER COLUMN id SET DEFAULT nextval('public.a_id_seq'::regclass);
ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);
CREATE INDEX a_name ON public.a USING btree (name);
CREATE TABLE public.b (id integer NOT NULL, a_id integer);
ALTER TABLE ONLY public.b ADD CONSTRAINT b_a_fk FOREIGN KEY (a_id) REFERENCES public.a(id);
GRANT ALL ON TABLE public.a TO app;
COPY public.a (id, name) FROM stdin;
1	x
2	DROP TABLE y;
\.
SELECT pg_catalog.setval('public.a_id_seq', 2, true);

-- case: clean
CREATE TABLE "photo" ("id" SERIAL NOT NULL, "name" character varying NOT NULL, "views" integer NOT NULL, CONSTRAINT "PK_723fa50bf70dcfd06fb5a44d4ff" PRIMARY KEY ("id"));
ALTER TABLE "photo" ADD CONSTRAINT "UQ_name" UNIQUE ("name");

-- case: data-loss
ALTER TABLE "photo" DROP COLUMN "views";
ALTER TABLE "photo" ADD "views" bigint NOT NULL;

-- case: unique-build
ALTER TABLE "photo" ADD "slug" character varying, ADD CONSTRAINT "UQ_slug" UNIQUE ("slug");

-- case: clean
ALTER TABLE "photo" ADD "slug" character varying;
COMMENT ON COLUMN "photo"."slug" IS 'for urls';

-- case: clean
create function app_private.tg__timestamps() returns trigger as $$
begin
  NEW.created_at = (case when TG_OP = 'INSERT' then NOW() else OLD.created_at end);
  NEW.updated_at = (case when TG_OP = 'UPDATE' and OLD.updated_at >= NOW() then OLD.updated_at + interval '1 millisecond' else NOW() end);
  return NEW;
end;
$$ language plpgsql volatile set search_path to pg_catalog, public, pg_temp;
comment on function app_private.tg__timestamps() is E'This trigger should be called on all tables with created_at, updated_at';

-- case: clean
DO $$
DECLARE
  v int;
BEGIN
  SELECT count(*) INTO v FROM information_schema.tables WHERE table_name = 'x';
  IF v = 0 THEN
    RAISE EXCEPTION 'x is missing';
  END IF;
END
$$;

-- case: dml-volume
DO $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT id, payload FROM events LOOP
    UPDATE events SET kind = r.payload->>'kind' WHERE id = r.id;
  END LOOP;
END $$;

-- case: dml-volume
UPDATE accounts SET plan_id = (SELECT id FROM plans WHERE plans.code = accounts.plan_code);

-- case: dml-volume
INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u CROSS JOIN roles r WHERE r.name = 'member';

-- case: dml-volume
DELETE FROM notifications n USING users u WHERE u.id = n.user_id AND u.deleted_at IS NOT NULL;

-- case: dml-volume
UPDATE posts SET search = to_tsvector('english', title || ' ' || body) WHERE search IS NULL;

-- case: data-loss
DELETE FROM logs WHERE id > 0 OR TRUE;

-- case: clean
UPDATE plans SET price = 900 WHERE code = 'pro';
DELETE FROM plans WHERE code = 'legacy';

-- case: clean
WITH p AS (INSERT INTO plans (code) VALUES ('team') RETURNING id)
INSERT INTO plan_features (plan_id, feature) SELECT id, 'sso' FROM p;

-- case: partition
ALTER TABLE events ATTACH PARTITION events_y2026m01 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');

-- case: clean
CREATE TABLE metrics (at timestamptz NOT NULL, v float8) PARTITION BY RANGE (at);
CREATE TABLE metrics_2026 PARTITION OF metrics FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX metrics_at ON metrics USING brin (at);

-- case: data-loss partition
DROP TABLE metrics_2019;

-- case: index-build
CREATE INDEX ON ONLY metrics (v);
CREATE INDEX metrics_2026_v ON metrics_2026 (v);
ALTER INDEX metrics_v_idx ATTACH PARTITION metrics_2026_v;

-- case: clean
-- stint: no-transaction
CREATE INDEX metrics_v_idx ON ONLY metrics (v);
CREATE INDEX CONCURRENTLY metrics_2026_v ON metrics_2026 (v);
ALTER INDEX metrics_v_idx ATTACH PARTITION metrics_2026_v;

-- case: partition
create table if not exists logs_2026_02 partition of logs for values from ('2026-02-01') to ('2026-03-01');

-- case: partition
ALTER TABLE logs DETACH PARTITION logs_2020;
ALTER TABLE logs_2020 SET SCHEMA archive;

-- case: partition
DO $$
BEGIN
  EXECUTE 'CREATE TABLE logs_2026_03 PARTITION OF logs FOR VALUES FROM (''2026-03-01'') TO (''2026-04-01'')';
END $$;

-- case: lock-timeout
SET lock_timeout TO '0';
SET statement_timeout TO '0';
ALTER TABLE accounts ADD COLUMN a text;

-- case: lock-timeout
SET LOCAL lock_timeout = '5min';
ALTER TABLE accounts ADD COLUMN a text;

-- case: clean
SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '30s';
ALTER TABLE accounts ADD COLUMN a text;

-- case: lock-scope
LOCK TABLE accounts, orders IN EXCLUSIVE MODE;
INSERT INTO orders (id) VALUES (1);

-- case: lock-scope
DROP TRIGGER IF EXISTS audit ON accounts;
UPDATE accounts SET audited = true;
CREATE TRIGGER audit AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION audit();

-- case: clean
DROP TRIGGER IF EXISTS audit ON accounts;
CREATE TRIGGER audit AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION audit();

-- case: lock-scope constraint-validation
ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (u) REFERENCES users NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT k;

-- case: security
ALTER TABLE orders DISABLE TRIGGER USER;
INSERT INTO orders SELECT * FROM legacy_orders WHERE id < 1000;

-- case: clean
ALTER TABLE orders ENABLE TRIGGER audit;

-- case: will-fail
CREATE TABLE acc (id int PRIMARY KEY, nick text, mail text);
CREATE VIEW acc_v AS SELECT id, nick FROM acc;
ALTER TABLE acc ALTER COLUMN nick TYPE varchar(20);

-- case: clean
DROP VIEW IF EXISTS report; CREATE VIEW report AS SELECT 1 AS one;

-- case: matview
REFRESH MATERIALIZED VIEW stats.totals;

-- case: clean
CREATE MATERIALIZED VIEW IF NOT EXISTS stats.totals AS SELECT count(*) AS n FROM orders WITH NO DATA;

-- case: compat data-loss
DROP VIEW customers_v CASCADE;

-- case: compat
ALTER VIEW customers_v RENAME COLUMN name TO full_name;

-- case: clean
CREATE OR REPLACE VIEW customers_v WITH (security_barrier) AS SELECT id FROM customers WHERE NOT hidden;

-- case: compat
ALTER TYPE address RENAME TO postal_address;

-- case: data-loss
DROP DOMAIN IF EXISTS zip CASCADE;

-- case: clean
CREATE TYPE address AS (street text, city text);

-- case: compat will-fail data-loss table-rewrite
ALTER TYPE address DROP ATTRIBUTE city CASCADE;

-- case: enum will-fail data-loss security
DELETE FROM pg_enum WHERE enumlabel = 'old' AND enumtypid = 'mood'::regtype;

-- case: table-rewrite
ALTER TABLE t ALTER COLUMN state TYPE text USING state::text;

-- case: clean
CREATE TYPE state AS ENUM ('a', 'b');
ALTER TABLE t ADD COLUMN s state DEFAULT 'a';

-- case: version pg=13
CREATE OR REPLACE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();

-- case: version pg=16
MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE RETURNING a.id;

-- case: version pg=15
SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (n int PATH '$')) AS t;

-- case: version pg=14
CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT);

-- case: version pg=15
CREATE TABLE t (id int PRIMARY KEY DEFAULT 1_000);

-- case: version pg=14
CREATE PUBLICATION p FOR TABLES IN SCHEMA app;

-- case: version pg=14
SELECT regexp_count('a', 'b');

-- case: version pg=15
VACUUM (BUFFER_USAGE_LIMIT '1MB') t;

-- case: clean pg=18
CREATE TABLE o (id int PRIMARY KEY, v int, n int GENERATED ALWAYS AS (v + 1) VIRTUAL);

-- case: clean pg=16
SELECT any_value(x) FROM (VALUES (1)) v (x);

-- case: clean pg=17
ALTER TABLE t ALTER COLUMN c SET COMPRESSION lz4;

-- case: clean pg=15
CREATE PUBLICATION p FOR TABLES IN SCHEMA app;

-- case: clean pg=13
CREATE INDEX CONCURRENTLY i ON t (a) INCLUDE (b);

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY);
CREATE TRIGGER tg BEFORE UPDATE OF nope ON n FOR EACH ROW EXECUTE FUNCTION f();

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY, UNIQUE (nope));

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY, a int);
INSERT INTO n VALUES (1, 2, 3);

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY, a int);
INSERT INTO n (id, a) VALUES (1);

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY, a int);
CREATE INDEX CONCURRENTLY i ON n (a);
CREATE INDEX CONCURRENTLY i ON n (id);

-- case: will-fail
CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int NOT NULL);
INSERT INTO n (id, a) VALUES (1, 1);

-- case: will-fail
CREATE TABLE n (id int PRIMARY KEY, a int NOT NULL);
INSERT INTO n (id) VALUES (1);

-- case: will-fail
DROP INDEX CONCURRENTLY a, b;

-- case: will-fail
DROP INDEX CONCURRENTLY a CASCADE;

-- case: will-fail
CREATE TABLE c (a int REFERENCES p (x, y));

-- case: will-fail
CREATE VIEW v AS SELECT id FROM t;
CREATE OR REPLACE VIEW v AS SELECT name, id FROM t;

-- case: clean
CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int NOT NULL);
INSERT INTO n (a) VALUES (1);
INSERT INTO n (id, a) OVERRIDING SYSTEM VALUE VALUES (9, 1);

-- case: clean
CREATE TABLE n (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a int NOT NULL DEFAULT 0);
INSERT INTO n (id) VALUES (1);
INSERT INTO n VALUES (2);
INSERT INTO n DEFAULT VALUES;

-- case: clean
CREATE TABLE n (id int PRIMARY KEY);
CREATE OR REPLACE VIEW w AS SELECT id FROM n;
CREATE OR REPLACE VIEW w AS SELECT id, id + 1 AS next FROM n;

-- case: clean
CREATE TABLE n (id int PRIMARY KEY, a int);
CREATE TRIGGER tg BEFORE UPDATE OF a ON n FOR EACH ROW EXECUTE FUNCTION f();

-- case: clean
CREATE TABLE n (id int PRIMARY KEY, a int UNIQUE);
INSERT INTO n AS x (id, a) VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET a = x.a + excluded.a;

-- case: clean
CREATE TABLE new_orders (id bigint PRIMARY KEY, total int);
ALTER TABLE new_orders RENAME COLUMN total TO total_cents;
CREATE UNIQUE INDEX ON new_orders (total_cents);

-- case: compat
ALTER TABLE orders RENAME TO orders_old;
ALTER TABLE orders_new RENAME TO orders;

-- case: compat
ALTER TABLE IF EXISTS ONLY "shop"."Orders" RENAME "Total" TO total;

-- case: clean
-- +migrate Up
-- drop table users; this is only a comment
CREATE TABLE log_entries (
  id bigserial PRIMARY KEY,
  message text NOT NULL DEFAULT 'ALTER TABLE x ADD COLUMN y int NOT NULL',
  level smallint NOT NULL DEFAULT 0 CHECK (level BETWEEN 0 AND 7)
);
CREATE INDEX log_entries_level_idx ON log_entries (level) WHERE level > 3;

-- case: clean
ALTER TABLE public.users
    ADD COLUMN IF NOT EXISTS locale varchar(8) NOT NULL DEFAULT 'en',
    ADD COLUMN IF NOT EXISTS tz text;

-- case: clean
ALTER TABLE users ADD COLUMN settings jsonb NOT NULL DEFAULT jsonb_build_object('theme', 'dark');

-- case: clean
CREATE SEQUENCE IF NOT EXISTS invoice_no START 1000;
ALTER SEQUENCE invoice_no OWNER TO billing;

-- case: clean
CREATE OR REPLACE FUNCTION audit() RETURNS trigger AS $fn$
BEGIN
  INSERT INTO audit_log (tbl, row_id, old, new) VALUES (TG_TABLE_NAME, NEW.id, to_jsonb(OLD), to_jsonb(NEW));
  RETURN NULL;
END $fn$ LANGUAGE plpgsql;
CREATE TABLE audit_log (tbl text, row_id bigint, old jsonb, new jsonb, at timestamptz DEFAULT now());

-- case: clean
CREATE TABLE import_2026 (LIKE products INCLUDING ALL);
COPY import_2026 FROM stdin WITH (FORMAT csv);
1,a
2,b
\.
INSERT INTO import_2026 SELECT * FROM import_2026 LIMIT 0;

-- case: clean
ALTER TABLE orders ADD COLUMN total_cents bigint;
COMMENT ON COLUMN orders.total_cents IS 'total in cents; replaces total';

-- case: clean
ALTER TABLE orders ALTER COLUMN note SET STATISTICS 500;
ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;

-- case: clean
CREATE STATISTICS orders_stats (dependencies) ON region, city FROM orders;
ANALYZE orders;

-- case: clean
ALTER TABLE orders REPLICA IDENTITY FULL;

-- case: clean
ALTER TABLE orders OWNER TO app_owner;

-- case: clean
CREATE PUBLICATION reporting FOR TABLE orders, customers;

-- case: clean
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders USING (tenant_id = current_setting('app.tenant')::bigint);

-- case: clean
CREATE RULE no_delete AS ON DELETE TO settings DO INSTEAD NOTHING;

-- case: clean
INSERT INTO feature_flags (name, enabled) SELECT 'dark_mode', true WHERE NOT EXISTS (SELECT 1 FROM feature_flags WHERE name = 'dark_mode');

-- case: clean
UPDATE feature_flags SET enabled = false WHERE name = 'dark_mode' AND enabled;

-- case: clean
DELETE FROM schema_migrations WHERE version = '20200101000000';

-- case: clean
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
    CREATE ROLE app LOGIN;
  END IF;
END
$$;
GRANT CONNECT ON DATABASE shop TO app;

-- case: clean
DO $$ BEGIN
  ALTER TABLE users ADD COLUMN nickname text;
EXCEPTION WHEN duplicate_column THEN RAISE NOTICE 'nickname exists';
END $$;

-- case: clean
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL REFERENCES a ON DELETE CASCADE);
ALTER TABLE b DROP CONSTRAINT b_a_id_fkey;
ALTER TABLE b ADD CONSTRAINT b_a_fk FOREIGN KEY (a_id) REFERENCES a;
DROP TABLE b, a;

-- case: clean
SELECT setval(pg_get_serial_sequence('orders', 'id'), (SELECT max(id) FROM orders));

-- case: clean
ALTER DATABASE shop SET timezone = 'UTC';

-- case: clean
SET search_path TO tenant_1, public;
CREATE TABLE invoices (id bigint PRIMARY KEY);
CREATE INDEX invoices_id2 ON tenant_1.invoices ((id % 10));

-- case: clean
SET timezone TO 'UTC';
CREATE TABLE ev (at timestamp);
--  not yet filled
ALTER TABLE ev ALTER COLUMN at TYPE timestamptz;

-- case: clean
ALTER TYPE status OWNER TO app;
ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (VALUE LIKE '%@%') NOT VALID;

-- case: clean
BEGIN;
ALTER TABLE t RENAME TO t_v1;
CREATE TABLE t (id int PRIMARY KEY);
DROP TABLE t;
ALTER TABLE t_v1 RENAME TO t;
COMMIT;

-- case: clean
CREATE UNLOGGED TABLE stage (id int);
INSERT INTO stage VALUES (1);
UPDATE stage SET id = 2;
DELETE FROM stage;

-- case: clean
CREATE FOREIGN TABLE remote_orders (id int) SERVER s OPTIONS (table_name 'orders');

-- case: clean
EXPLAIN UPDATE orders SET total = 0;

-- case: clean
PREPARE q AS SELECT * FROM orders WHERE id = $1;
DEALLOCATE q;

-- case: clean
CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION log_ddl();

-- case: clean
ALTER TABLE sales ADD CONSTRAINT sales_year CHECK (y > 2000) NOT VALID NO INHERIT;

-- case: clean
ALTER TABLE ONLY parent_t ADD COLUMN c int;

-- case: clean
ALTER FUNCTION total(int) STABLE;
ALTER FUNCTION total(int) SET search_path = '';

-- case: clean
ALTER INDEX orders_idx SET (fillfactor = 90);

-- case: clean
CREATE INDEX CONCURRENTLY "Orders_placed" ON "Orders" USING gin (to_tsvector('simple', note));

-- case: clean
DROP INDEX CONCURRENTLY IF EXISTS a;
DROP INDEX CONCURRENTLY IF EXISTS b;

-- case: clean
ALTER TABLE orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;

-- case: clean
WITH moved AS (SELECT 1 AS id) INSERT INTO small_lookup SELECT id, 'x' FROM moved;

-- case: clean
ALTER TABLE IF EXISTS archived.orders RENAME CONSTRAINT c TO d;

-- case: clean
CREATE TABLE t (id int PRIMARY KEY) PARTITION BY HASH (id);
DO $$ BEGIN
  FOR i IN 0..3 LOOP
    NULL;
  END LOOP;
END $$;

-- case: clean
LOCK TABLE settings IN ACCESS SHARE MODE;

-- case: clean
NOTIFY schema_changed;

-- case: clean
CREATE AGGREGATE first_of(anyelement) (SFUNC = first_sfunc, STYPE = anyelement);
CREATE CAST (text AS mood) WITH INOUT AS IMPLICIT;
CREATE COLLATION de (provider = icu, locale = 'de-DE');

-- case: clean
CREATE TABLE users_2 AS TABLE users WITH NO DATA;
ALTER TABLE users_2 ADD PRIMARY KEY (id);

-- case: clean
ALTER TABLE users DISABLE TRIGGER notify;
ALTER TABLE users ENABLE TRIGGER notify;

-- case: clean
ALTER ROLE reporting SET statement_timeout = '30s';

-- case: clean
IMPORT FOREIGN SCHEMA public LIMIT TO (orders) FROM SERVER s INTO ext;

-- case: clean
SAVEPOINT a;
INSERT INTO t (id) VALUES (1);
RELEASE SAVEPOINT a;

-- case: constraint-validation
ALTER TABLE ONLY "shop"."OrderLine" ADD FOREIGN KEY ("orderId") REFERENCES "shop"."Order" MATCH FULL;

-- case: table-rewrite version
ALTER TABLE orders ADD COLUMN id7 uuid DEFAULT uuidv7() NOT NULL;

-- case: table-rewrite
ALTER TABLE orders ADD COLUMN code text DEFAULT md5(random()::text);

-- case: table-rewrite
CREATE FUNCTION next_code() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN md5(clock_timestamp()::text); END $$;
ALTER TABLE orders ADD COLUMN code text DEFAULT next_code();

-- case: table-rewrite
ALTER TABLE orders ALTER COLUMN created_at TYPE timestamptz;

-- case: table-rewrite
ALTER TABLE orders ALTER COLUMN status TYPE order_status USING status::order_status;

-- case: not-null required-column
ALTER TABLE orders ADD COLUMN approved boolean;
UPDATE orders SET approved = false WHERE id < 100;
ALTER TABLE orders ALTER COLUMN approved SET NOT NULL;

-- case: lock-scope
ALTER TABLE orders ADD COLUMN x int;
CREATE TABLE orders_snapshot AS SELECT * FROM orders;

-- case: lock-scope
BEGIN;
ALTER TABLE orders DROP CONSTRAINT c;
DO $$ BEGIN PERFORM pg_sleep(30); END $$;
COMMIT;

-- case: data-loss
DO $do$ BEGIN EXECUTE 'TRUNCATE TABLE ' || 'orders'; END $do$;

-- case: data-loss
DROP OWNED BY old_app;

-- case: data-loss
ALTER TABLE orders DROP COLUMN a, DROP COLUMN b;

-- case: data-loss
EXPLAIN ANALYZE DELETE FROM orders;

-- case: data-loss
PREPARE wipe AS DELETE FROM orders;
EXECUTE wipe;

-- case: data-loss
CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM b;

-- case: data-loss
ALTER TABLE orders ALTER COLUMN at TYPE timestamp(0);

-- case: compat
ALTER TABLE users RENAME name TO full_name;
CREATE VIEW people AS SELECT full_name AS name FROM users;

-- case: compat
ALTER FOREIGN TABLE ft RENAME COLUMN a TO b;

-- case: compat
ALTER MATERIALIZED VIEW mv RENAME TO mv2;

-- case: compat
ALTER TABLE users SET SCHEMA auth;

-- case: lock-timeout
SET SESSION lock_timeout = '10min';
DROP TABLE IF EXISTS old_things;

-- case: lock-timeout
BEGIN;
SET LOCAL lock_timeout = 0;
TRUNCATE queue;
COMMIT;

-- case: lock-timeout
SELECT set_config('lock_timeout', '0', true);
ALTER TABLE users ADD COLUMN x int;

-- case: lock-timeout
SET lock_timeout = '3s';
DISCARD ALL;
ALTER TABLE users ADD COLUMN x int;

-- case: tx-incompatible
BEGIN;
ALTER TABLE t ADD COLUMN a int;
CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);
END;

-- case: tx-incompatible
CREATE OR REPLACE PROCEDURE rebuild() LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE 'REINDEX TABLE CONCURRENTLY orders';
END $$;
CALL rebuild();

-- case: tx-incompatible
BEGIN; DROP DATABASE x; COMMIT;

-- case: tx-incompatible
BEGIN; CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p; COMMIT;

-- case: tx-control
BEGIN;
ALTER TABLE t ADD COLUMN a int;
COMMIT;
COMMIT;

-- case: tx-control
ALTER TABLE t ADD COLUMN a int;
ROLLBACK;
ALTER TABLE t ADD COLUMN b int;

-- case: enum
BEGIN;
ALTER TYPE s ADD VALUE 'new';
CREATE TABLE x (a s DEFAULT 'new');
COMMIT;

-- case: enum
BEGIN;
ALTER TYPE s ADD VALUE 'new';
UPDATE t SET a = 'new' WHERE id = 1;
COMMIT;

-- case: enum
BEGIN;
ALTER TYPE s ADD VALUE 'new';
CREATE VIEW v AS SELECT * FROM t WHERE a = 'new'::s;
COMMIT;

-- case: partition
ALTER TABLE ONLY events ATTACH PARTITION events_eu FOR VALUES IN ('DE', 'FR');

-- case: partition
CREATE TABLE events_us PARTITION OF events (CHECK (kind <> '')) FOR VALUES IN ('US');

-- case: partition
ALTER TABLE events DETACH PARTITION events_old;

-- case: matview
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
REFRESH MATERIALIZED VIEW big_totals;

-- case: identifier
CREATE UNIQUE INDEX CONCURRENTLY uq_customer_relationship_management_external_reference_identifier ON crm (ref);

-- case: identifier
ALTER TABLE crm ADD CONSTRAINT ck_customer_relationship_management_external_reference_identifiers CHECK (a > 0) NOT VALID;

-- case: security
CREATE FUNCTION admin_do() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;

-- case: security
ALTER FUNCTION admin_do() SECURITY DEFINER;

-- case: security
ALTER TABLE t DISABLE TRIGGER ALL;
UPDATE t SET a = 1 WHERE id = 1;

-- case: security
CREATE ROLE x WITH LOGIN CREATEDB CREATEROLE PASSWORD 'abc123';

-- case: security
ALTER USER app WITH SUPERUSER;

-- case: security
SET LOCAL session_replication_role TO 'replica';
UPDATE t SET a = 1 WHERE id = 1;

-- case: dynamic-sql
DO $$ DECLARE t text; BEGIN
 SELECT relname INTO t FROM pg_class LIMIT 1;
 EXECUTE 'ALTER TABLE ' || quote_ident(t) || ' ADD COLUMN z int';
END $$;

-- case: dynamic-sql
SELECT partman.create_parent('public.events', 'at', 'native', 'daily');

-- case: dynamic-sql
SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM');

-- case: version pg=13
ALTER TABLE t ADD COLUMN d datemultirange;

-- case: version pg=14
CREATE TABLE b (a int, UNIQUE NULLS NOT DISTINCT (a));

-- case: version pg=16
COPY t FROM stdin WITH (ON_ERROR ignore);
1
\.

-- case: version pg=17
ALTER TABLE t ADD CONSTRAINT nn NOT NULL a NOT VALID;

-- case: will-fail
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE q (id int PRIMARY KEY, p_id text REFERENCES p (id));

-- case: will-fail
CREATE TABLE p (id int PRIMARY KEY, total int);
ALTER TABLE p ALTER COLUMN totl SET NOT NULL;

-- case: will-fail
CREATE TABLE p (id int PRIMARY KEY);
CREATE INDEX p_i ON p (id);
CREATE INDEX p_i ON p (id DESC);

-- case: will-fail
CREATE TABLE p (id int PRIMARY KEY, t text);
ALTER TABLE p ALTER COLUMN t TYPE integer;

-- case: unique-build
CREATE TABLE x (id int);
ALTER TABLE orders ADD CONSTRAINT orders_no UNIQUE (no) INCLUDE (id);

-- case: index-build
ALTER TABLE orders ADD COLUMN region text;
CREATE INDEX orders_region ON orders (region);

-- case: index-build
DROP INDEX orders_region, orders_city;

-- case: dml-volume
UPDATE orders SET currency = 'EUR' WHERE currency IS NULL;

-- case: dml-volume
INSERT INTO order_totals (order_id, total) SELECT order_id, sum(price) FROM order_lines GROUP BY order_id;

-- case: dml-volume
DELETE FROM sessions WHERE expires_at < now();
