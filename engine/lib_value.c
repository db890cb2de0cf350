#include "sandbox.h"

#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values between Lua and PostgreSQL, in PostgreSQL's text form. */
static const char BYTES[] = "stint.bytes";

enum { DEEPEST_ARRAY = 6, LONGEST_ARRAY = 10000000 };

void lib_value_push_bytes(lua_State *L, int index) {
    index = lua_absindex(L, index);
    luaL_checkstring(L, index);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, BYTES);
}

int lib_value_open(lua_State *L) {
    luaL_newmetatable(L, BYTES);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    return 0;
}

/* The bytes of a marked value, or NULL; the value keeps them alive. */
static const char *marked_bytes(lua_State *L, int index, size_t *length) {
    if (!luaL_testudata(L, index, BYTES))
        return NULL;
    lua_getiuservalue(L, index, 1);
    const char *bytes = lua_tolstring(L, -1, length);
    lua_pop(L, 1);
    return bytes;
}

static const char *number_text(Arena *a, lua_State *L, int index) {
    if (lua_isinteger(L, index))
        return arena_format(a, "%lld", lua_tointeger(L, index));
    double number = lua_tonumber(L, index);
    if (isnan(number))
        return "NaN";
    if (isinf(number))
        return number < 0 ? "-Infinity" : "Infinity";
    if (number == floor(number) && fabs(number) < 1e15)
        return arena_format(a, "%.0f", number); /* integer columns take it, but not 1e+15 */
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    return arena_string(a, digits);
}

static const char *checked_text(lua_State *L, int index, const char *what) {
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (strlen(text) != length)
        luaL_error(L,
                   "%s holds a NUL byte, which no text of PostgreSQL can; db:bytes(s) sends bytes",
                   what);
    return text;
}

static lua_Integer array_length(lua_State *L, int index, const char *what) {
    lua_pushliteral(L, "n");
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    if (lua_rawget(L, index) == LUA_TNUMBER)
        length = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (length < 0 || length > LONGEST_ARRAY)
        luaL_error(L, "%s is an array of %I elements", what, length);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int type = lua_type(L, -2);
        if (type == LUA_TNUMBER || (type == LUA_TSTRING && strcmp(lua_tostring(L, -2), "n") == 0))
            continue;
        if (type != LUA_TSTRING)
            luaL_error(L, "%s is a table with a %s for a key, and an array has numbers", what,
                       lua_typename(L, type));
        luaL_error(L,
                   "%s is a table with names (\"%s\"), and an array has none; json.encode(t) "
                   "makes JSON of it",
                   what, lua_tostring(L, -2));
    }
    return length;
}

static void add_quoted(Text *out, const char *text) {
    text_add_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            text_add_char(out, '\\');
        text_add_char(out, *text);
    }
    text_add_char(out, '"');
}

const char *lib_value_hex(Arena *a, const char *bytes, size_t length) {
    Text out = text_on(a);
    text_add(&out, "\\x");
    text_add_hex(&out, bytes, length);
    return out.at;
}

static void add_array(lua_State *L, int index, const char *what, Text *out, int depth);

static void add_element(lua_State *L, int index, const char *what, Text *out, int depth) {
    int length;
    size_t size;
    const char *bytes = marked_bytes(L, index, &size), *text;
    sandbox_weigh(L, what);
    if (bytes)
        add_quoted(out, lib_value_hex(out->arena, bytes, size));
    else if (lua_istable(L, index))
        add_array(L, index, what, out, depth + 1);
    else if (!(text = lib_value_text(L, index, what, &length)))
        text_add(out, "NULL");
    else if (lua_type(L, index) == LUA_TSTRING)
        add_quoted(out, text);
    else
        text_add(out, text);
}

static void add_array(lua_State *L, int index, const char *what, Text *out, int depth) {
    if (depth > DEEPEST_ARRAY)
        luaL_error(L, "%s has more than the %d dimensions of an array", what, DEEPEST_ARRAY);
    lua_Integer length = array_length(L, index, what);
    luaL_checkstack(L, 8, "array");
    text_add_char(out, '{');
    for (lua_Integer i = 1; i <= length; i++) {
        if (i > 1)
            text_add_char(out, ',');
        lua_rawgeti(L, index, i);
        add_element(L, lua_gettop(L), what, out, depth);
        lua_pop(L, 1);
    }
    text_add_char(out, '}');
}

static const char *array_text(lua_State *L, int index, const char *what) {
    Text out = text_on(sandbox_of(L)->scratch);
    add_array(L, index, what, &out, 1);
    return out.at;
}

static const char *other_text(lua_State *L, int index, const char *what, int *length) {
    size_t size;
    const char *bytes = marked_bytes(L, index, &size), *digits = lib_json_digits(L, index);
    if (digits)
        return digits;
    if (!bytes && lib_json_is_null(L, index))
        luaL_error(L, "%s is json.null: nil is SQL's NULL, and json.encode(json.null) is JSON's",
                   what);
    if (!bytes)
        luaL_error(L, "%s cannot be a %s", what, luaL_typename(L, index));
    if (size > 1 << 30)
        luaL_error(L, "%s is longer than the 1 GB that PostgreSQL takes", what);
    *length = (int)size;
    return bytes;
}

const char *lib_value_text(lua_State *L, int index, const char *what, int *length) {
    index = lua_absindex(L, index);
    *length = -1;
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return NULL;
    case LUA_TBOOLEAN:
        return lua_toboolean(L, index) ? "true" : "false";
    case LUA_TNUMBER:
        return number_text(sandbox_of(L)->scratch, L, index);
    case LUA_TSTRING:
        return checked_text(L, index, what);
    case LUA_TTABLE:
        return array_text(L, index, what);
    default:
        return other_text(L, index, what, length);
    }
}

typedef void Reader(lua_State *L, const char *cell, size_t length);

static void read_integer(lua_State *L, const char *cell, size_t length) {
    (void)length;
    lua_pushinteger(L, strtoll(cell, NULL, 10));
}

static void read_float(lua_State *L, const char *cell, size_t length) {
    (void)length;
    lua_pushnumber(L, strtod(cell, NULL)); /* NaN and Infinity are its words too */
}

static void read_boolean(lua_State *L, const char *cell, size_t length) {
    (void)length;
    lua_pushboolean(L, *cell == 't');
}

static void read_text(lua_State *L, const char *cell, size_t length) {
    lua_pushlstring(L, cell, length);
}

static int hex_digit(char c) {
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* Both forms of bytea_output: \x6869, and hi with \\ and \ooo. */
static void read_bytes(lua_State *L, const char *cell, size_t length) {
    luaL_Buffer out;
    luaL_buffinitsize(L, &out, length);
    bool is_hex = text_starts(cell, "\\x");
    for (size_t i = is_hex ? 2 : 0; i < length;) {
        int byte = (unsigned char)cell[i++];
        if (is_hex)
            byte = hex_digit((char)byte) << 4 | hex_digit(cell[i++]);
        else if (byte == '\\' && cell[i] == '\\')
            i++;
        else if (byte == '\\' && i + 2 < length) {
            byte = (cell[i] - '0') << 6 | (cell[i + 1] - '0') << 3 | (cell[i + 2] - '0');
            i += 3;
        }
        luaL_addchar(&out, (char)byte);
    }
    luaL_pushresult(&out);
}

/* OIDs of PostgreSQL's catalog, which never change. */
static const struct {
    unsigned type, array;
    Reader *read;
} readers[] = {
    {16, 1000, read_boolean},    /* bool */
    {17, 1001, read_bytes},      /* bytea */
    {20, 1016, read_integer},    /* int8 */
    {21, 1005, read_integer},    /* int2 */
    {23, 1007, read_integer},    /* int4 */
    {26, 1028, read_integer},    /* oid */
    {700, 1021, read_float},     /* float4 */
    {701, 1022, read_float},     /* float8 */
    {114, 199, lib_json_push},   /* json */
    {3802, 3807, lib_json_push}, /* jsonb */
    {1700, 1231, read_text},     /* numeric: exact */
    {25, 1009, read_text},       /* text */
    {1043, 1015, read_text},     /* varchar */
    {1042, 1014, read_text},     /* bpchar */
    {19, 1003, read_text},       /* name */
    {2950, 2951, read_text},     /* uuid */
    {1082, 1182, read_text},     /* date */
    {1083, 1183, read_text},     /* time */
    {1114, 1115, read_text},     /* timestamp */
    {1184, 1185, read_text},     /* timestamptz */
    {1186, 1187, read_text},     /* interval */
};

/* One element without its quotes; the byte after it is returned. */
static const char *element(Text *text, const char *at, bool *quoted) {
    *quoted = *at == '"';
    if (*quoted)
        at++;
    while (*at && !(*quoted ? *at == '"' : *at == ',' || *at == '}')) {
        if (*at == '\\' && at[1])
            at++;
        text_add_char(text, *at++);
    }
    return *quoted && *at ? at + 1 : at;
}

/* {1,NULL,"a b"}: `at` stands on the bracket; the byte after the closing one is returned. */
static const char *read_array(lua_State *L, Reader *read, const char *at) {
    lua_Integer n = 0;
    luaL_checkstack(L, 8, "array");
    lua_newtable(L);
    lib_json_mark_list(L);
    for (at++; *at && *at != '}'; n++) {
        bool quoted = false;
        if (*at == '{') {
            at = read_array(L, read, at);
        } else {
            Text text = text_on(sandbox_of(L)->cell);
            at = element(&text, at, &quoted);
            if (!quoted && text_same_word(text.at, "NULL"))
                lua_pushnil(L);
            else
                read(L, text.at, text.length);
        }
        lua_rawseti(L, -2, n + 1);
        if (*at == ',')
            at++;
    }
    lua_pushinteger(L, n);
    lua_setfield(L, -2, "n");
    return *at ? at + 1 : at;
}

void lib_value_push(lua_State *L, unsigned type, const char *cell, size_t length) {
    arena_reset(sandbox_of(L)->cell);
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        const char *bracket = readers[i].array == type ? strchr(cell, '{') : NULL;
        if (readers[i].type == type || bracket) {
            if (bracket)
                read_array(L, readers[i].read, bracket); /* after [0:2]=, where there are bounds */
            else
                readers[i].read(L, cell, length);
            return;
        }
    }
    read_text(L, cell, length);
}
