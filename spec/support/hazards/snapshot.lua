-- A database as doctor --snapshot would tell of it: a shop, PostgreSQL 15.
local function big(columns, more)
  local relation = { kind = "table", rows = 24000000, bytes = 9000000000, writes_per_second = 300, columns = columns,
    constraints = {}, indexes = {} }
  for name, value in pairs(more or {}) do
    relation[name] = value
  end
  return relation
end

return {
  server_version = 150004,
  timezone = "UTC",
  search_path = { "public" },
  types = { ["public.mood"] = { kind = "enum" } },
  domains = {
    ["public.email"] = { base = "text", constrained = true },
    ["public.plain_note"] = { base = "text", constrained = false },
  },
  functions = {
    ["public.next_code"] = { volatility = "volatile", language = "plpgsql" },
    ["public.tenant"] = { volatility = "stable", language = "plpgsql" },
  },
  extensions = { citext = "1.6" },
  relations = {
    ["public.orders"] = big({
      id = { type = "bigint", not_null = true }, customer_id = { type = "bigint" }, total = { type = "numeric(10,2)" },
      state = { type = "character varying(20)" }, placed_at = { type = "timestamp without time zone" }, note = { type = "text" },
      contact = { type = "email" }, quantity = { type = "integer", not_null = true },
    }, {
      constraints = {
        orders_pkey = { type = "p", columns = { "id" }, validated = true },
        state_known = { type = "c", columns = { "state" }, validated = true, definition = "CHECK ((state IS NOT NULL))" },
        later = { type = "c", columns = { "total" }, validated = false, definition = "CHECK ((total >= (0)::numeric)) NOT VALID" },
      },
      indexes = {
        orders_pkey = { columns = { "id" }, unique = true, primary = true, valid = true },
        orders_customer = { columns = { "customer_id" }, valid = true },
        orders_state_placed = { columns = { "state", "placed_at" }, valid = true },
      },
    }),
    ["public.customers"] = big({
      id = { type = "bigint", not_null = true }, mail = { type = "character varying(200)" }, mood = { type = "mood" },
    }, {
      constraints = { customers_pkey = { type = "p", columns = { "id" }, validated = true } },
      indexes = {
        customers_pkey = { columns = { "id" }, unique = true, primary = true, valid = true },
        customers_mail = { columns = { "mail" }, unique = true, valid = true },
      },
    }),
    ["public.countries"] = { kind = "table", rows = 249, bytes = 32768, columns = { code = { type = "text", not_null = true }, name = { type = "text" } },
      constraints = { countries_pkey = { type = "p", columns = { "code" }, validated = true } },
      indexes = { countries_pkey = { columns = { "code" }, unique = true, primary = true, valid = true } } },
    ["public.events"] = { kind = "partitioned", partition_key = { "at" }, default_partition = "public.events_rest",
      columns = { at = { type = "date", not_null = true }, kind = { type = "text" } }, constraints = {}, indexes = {} },
    ["public.events_2024"] = big({ at = { type = "date", not_null = true }, kind = { type = "text" } }, { parent = "public.events", partition = true }),
    ["public.events_rest"] = big({ at = { type = "date", not_null = true }, kind = { type = "text" } }, { parent = "public.events", partition = true }),
    ["public.log"] = { kind = "partitioned", partition_key = { "at" }, columns = { at = { type = "date", not_null = true } },
      constraints = {}, indexes = {} },
    ["public.log_old"] = big({ at = { type = "date", not_null = true } }, { constraints = { log_old_range = { type = "c", columns = { "at" },
      validated = true, definition = "CHECK (((at >= '2023-01-01'::date) AND (at < '2024-01-01'::date)))" } } }),
  },
}
