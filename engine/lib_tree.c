#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

/* Parse trees for Lua: libpg_query's JSON to tables, in one pass. An object { "IndexStmt": {...} }
 * becomes its inside with tag = "IndexStmt"; a field that can hold one kind of node only has no
 * such wrapper, and its tag is told by its name. */

enum { DEEPEST = 12000, SPARE = 12, TEXT_KEPT = 200 };

/* On the stack: what every node of the tree shares. */
enum { NODES = 1, PARENTS, METATABLE };

typedef struct {
    lua_State *L;
    const char *at;
    int depth;
} Reader;

/* From libpg_query's pg_query.proto: the fields that are not of the kind "any node". */
static const struct {
    const char *field, *tag;
} typed[] = {
    {"action", "GrantStmt"},
    {"alias", "Alias"},
    {"argType", "TypeName"},
    {"authrole", "RoleSpec"},
    {"base", "CreateStmt"},
    {"boolval", "Boolean"},
    {"bound", "PartitionBoundSpec"},
    {"bsval", "BitString"},
    {"collClause", "CollateClause"},
    {"constrrel", "RangeVar"},
    {"cycle_clause", "CTECycleClause"},
    {"extname", "String"},
    {"fromsql", "ObjectWithArgs"},
    {"func", "ObjectWithArgs"},
    {"funccall", "FuncCall"},
    {"fval", "Float"},
    {"grantor", "RoleSpec"},
    {"identitySequence", "RangeVar"},
    {"infer", "InferClause"},
    {"into", "IntoClause"},
    {"intoClause", "IntoClause"},
    {"ival", "Integer"},
    {"join_using_alias", "Alias"},
    {"larg", "SelectStmt"},
    {"newowner", "RoleSpec"},
    {"newrole", "RoleSpec"},
    {"ofTypename", "TypeName"},
    {"onConflictClause", "OnConflictClause"},
    {"opername", "ObjectWithArgs"},
    {"over", "WindowDef"},
    {"owner", "RoleSpec"},
    {"partbound", "PartitionBoundSpec"},
    {"partspec", "PartitionSpec"},
    {"pktable", "RangeVar"},
    {"pubtable", "PublicationTable"},
    {"rarg", "SelectStmt"},
    {"rel", "RangeVar"},
    {"relation", "RangeVar"},
    {"returnType", "TypeName"},
    {"role", "RoleSpec"},
    {"search_clause", "CTESearchClause"},
    {"sequence", "RangeVar"},
    {"setstmt", "VariableSetStmt"},
    {"sourcetype", "TypeName"},
    {"storedtype", "TypeName"},
    {"sval", "String"},
    {"table", "RangeVar"},
    {"targettype", "TypeName"},
    {"tosql", "ObjectWithArgs"},
    {"typeName", "TypeName"},
    {"type_name", "TypeName"},
    {"typevar", "RangeVar"},
    {"user", "RoleSpec"},
    {"val", "SelectStmt"},
    {"view", "RangeVar"},
    {"withClause", "WithClause"},
};

static int by_field(const void *key, const void *entry) {
    return strcmp(key, *(const char *const *)entry);
}

static const char *tag_of(lua_State *L, int parent, const char *field) {
    const char *const(*found)[2] =
        bsearch(field, typed, sizeof typed / sizeof *typed, sizeof *typed, by_field);
    if (found)
        return (*found)[1];
    if (strcmp(field, "name") != 0 || !parent)
        return NULL;
    lua_getfield(L, parent, "tag");
    const char *tag = lua_tostring(L, -1);
    lua_pop(L, 1);
    return tag && strcmp(tag, "PartitionCmd") == 0 ? "RangeVar" : "ObjectWithArgs";
}

static void read_value(Reader *r, int parent, const char *field);

static unsigned read_hex(const char *at) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++)
        value = value * 16 + (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
    return value;
}

/* Control characters and < > only; the rest stands as it is. */
static void add_escaped(Reader *r, luaL_Buffer *out) {
    static const char names[] = "nrtbf", means[] = "\n\r\t\b\f";
    char c = *r->at++;
    const char *name = strchr(names, c);
    if (c == 'u') {
        unsigned code = read_hex(r->at);
        r->at += 4;
        luaL_addchar(out, (char)code);
    } else {
        luaL_addchar(out, name ? means[name - names] : c);
    }
}

static void read_string(Reader *r) {
    const char *start = ++r->at;
    size_t plain = strcspn(start, "\"\\");
    if (start[plain] == '"') {
        lua_pushlstring(r->L, start, plain);
        r->at = start + plain + 1;
        return;
    }
    luaL_Buffer out;
    luaL_buffinit(r->L, &out);
    while (*r->at != '"') {
        size_t length = strcspn(r->at, "\"\\");
        luaL_addlstring(&out, r->at, length);
        r->at += length;
        if (*r->at == '\\') {
            r->at++;
            add_escaped(r, &out);
        }
    }
    r->at++;
    luaL_pushresult(&out);
}

/* The node on top is one of the tree's, below the node at `parent`. */
static void enter(lua_State *L, int parent, const char *tag) {
    int node = lua_gettop(L);
    lua_pushstring(L, tag);
    lua_pushvalue(L, -1);
    lua_setfield(L, node, "tag");
    if (lua_rawget(L, NODES) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, NODES, tag);
    }
    lua_pushvalue(L, node);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
    if (parent) {
        lua_pushvalue(L, node);
        lua_pushvalue(L, parent);
        lua_rawset(L, PARENTS);
    }
    lua_pushvalue(L, METATABLE);
    lua_setmetatable(L, node);
}

/* The fields up to the closing brace, into the table on top; their parent is `node`. */
static void read_fields(Reader *r, int node) {
    lua_State *L = r->L;
    int table = lua_gettop(L);
    while (*r->at != '}') {
        if (*r->at == ',')
            r->at++;
        read_string(r);
        r->at++; /* the colon */
        read_value(r, node, lua_tostring(L, -1));
        lua_rawset(L, table);
    }
    r->at++;
}

static bool is_wrapper(const char *at) {
    return at[0] == '"' && at[1] >= 'A' && at[1] <= 'Z';
}

static void read_object(Reader *r, int parent, const char *field) {
    lua_State *L = r->L;
    char name[TEXT_KEPT];
    const char *tag = NULL;
    bool wrapped = is_wrapper(++r->at);
    if (wrapped) {
        size_t length = strcspn(r->at + 1, "\"");
        length = length < sizeof name ? length : sizeof name - 1;
        memcpy(name, r->at + 1, length);
        name[length] = 0;
        tag = name;
        r->at += length + 4; /* the quotes, the colon, the brace */
    } else if (field) {
        tag = tag_of(L, parent, field);
    }
    lua_createtable(L, 0, 6);
    if (tag)
        enter(L, parent, tag);
    read_fields(r, tag ? lua_gettop(L) : parent);
    r->at += wrapped;
}

static void read_list(Reader *r, int parent) {
    lua_State *L = r->L;
    lua_newtable(L);
    r->at++;
    for (lua_Integer i = 1; *(r->at += strspn(r->at, ",\n")) != ']'; i++) {
        read_value(r, parent, NULL);
        lua_rawseti(L, -2, i);
    }
    r->at++;
}

static void read_word(Reader *r) {
    char *end;
    if (*r->at == 't' || *r->at == 'f')
        lua_pushboolean(r->L, *r->at == 't');
    else if (*r->at == 'n')
        lua_pushnil(r->L);
    else
        lua_pushinteger(r->L, strtoll(r->at, &end, 10));
    r->at += strcspn(r->at, ",]}");
}

/* The JSON is the library's own: compact, and well-formed. */
static void read_value(Reader *r, int parent, const char *field) {
    if (++r->depth > DEEPEST)
        luaL_error(r->L, "the tree is nested deeper than %d levels", DEEPEST);
    luaL_checkstack(r->L, SPARE, "parse tree");
    if (*r->at == '{')
        read_object(r, parent, field);
    else if (*r->at == '[')
        read_list(r, parent);
    else if (*r->at == '"')
        read_string(r);
    else
        read_word(r);
    r->depth--;
}

void lib_tree_push(lua_State *L, const char *json) {
    Reader reader = {.L = L, .at = json};
    read_value(&reader, 0, NULL);
}
