#include "json.h"

#include "digits.h"
#include "fail.h"
#include "text.h"
#include "utf8.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson is made to allocate from the arena of the document at hand, and to free nothing. */
struct Json {
    Arena *arena;
    json_t *value;
};

static Arena *heap;
static size_t most = SIZE_MAX; /* that the heap may become while a text is read */
static bool full;              /* it is */

/* A text of jansson that holds the digits of a number begins with this byte, which no text of
 * UTF-8 has. */
static const char DIGITS = '\xff';

static void *take(size_t size) {
    full = full || arena_size(heap) >= most || size >= most;
    return full ? NULL : arena_take(heap, size);
}

static void leave(void *block) {
    (void)block;
}

static void use(Arena *a) {
    if (!heap)
        json_set_alloc_funcs(take, leave);
    heap = a;
}

static Json *holder(Arena *a, json_t *value) {
    Json *json = arena_take(a, sizeof *json);
    *json = (Json){a, value ? value : json_null()};
    return json;
}

static Text clean(Arena *a, const char *bytes, size_t length) {
    Text text = text_on(a);
    for (size_t good; (good = utf8_bad(bytes, length)) < length; bytes += good + 1) {
        text_add_bytes(&text, bytes, good);
        text_add(&text, "\xef\xbf\xbd");
        length -= good + 1;
    }
    text_add_bytes(&text, bytes, length);
    return text;
}

Json *json_new_map(Arena *a) {
    use(a);
    return holder(a, json_object());
}

Json *json_new_list(Arena *a) {
    use(a);
    return holder(a, json_array());
}

Json *json_new_null(Arena *a) {
    return holder(a, json_null());
}

Json *json_new_flag(Arena *a, bool flag) {
    return holder(a, json_boolean(flag));
}

Json *json_new_whole(Arena *a, long long integer) {
    use(a);
    return holder(a, json_integer(integer));
}

Json *json_new_fraction(Arena *a, double number) {
    use(a);
    return holder(a, isfinite(number) ? json_real(number) : json_null());
}

Json *json_new_text(Arena *a, const char *bytes, size_t length) {
    Text text = clean(a, bytes, length);
    use(a);
    return holder(a, json_stringn_nocheck(text.at, text.length));
}

Json *json_new_digits(Arena *a, const char *digits) {
    use(a);
    return holder(a, json_string_nocheck(arena_format(a, "%c%s", DIGITS, digits)));
}

static bool is_digits(const json_t *value) {
    return json_is_string(value) && *json_string_value(value) == DIGITS;
}

static Json *text_or_null(Arena *a, const char *text) {
    return text ? json_new_text(a, text, strlen(text)) : json_new_null(a);
}

void json_set(Json *map, const char *name, Json *value) {
    Text key = clean(map->arena, name, strlen(name));
    use(map->arena);
    json_object_set_new_nocheck(map->value, key.at, value->value);
}

void json_set_text(Json *map, const char *name, const char *text) {
    json_set(map, name, text_or_null(map->arena, text));
}

void json_set_integer(Json *map, const char *name, long long integer) {
    json_set(map, name, json_new_whole(map->arena, integer));
}

void json_set_number(Json *map, const char *name, double number) {
    json_set(map, name, json_new_fraction(map->arena, number));
}

void json_set_flag(Json *map, const char *name, bool flag) {
    json_set(map, name, json_new_flag(map->arena, flag));
}

void json_set_null(Json *map, const char *name) {
    json_set(map, name, json_new_null(map->arena));
}

void json_append(Json *list, Json *value) {
    use(list->arena);
    json_array_append_new(list->value, value->value);
}

void json_append_text(Json *list, const char *text) {
    json_append(list, text_or_null(list->arena, text));
}

void json_append_integer(Json *list, long long integer) {
    json_append(list, json_new_whole(list->arena, integer));
}

/* jansson prints every number with the same count of digits; here each has its own. */
static void write_fraction(Text *out, double number) {
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    text_add(out, digits);
    if (!strpbrk(digits, ".e"))
        text_add(out, ".0");
}

static void write_scalar(Text *out, const json_t *value) {
    if (json_is_real(value))
        write_fraction(out, json_real_value(value));
    else if (is_digits(value))
        text_add(out, json_string_value(value) + 1);
    else
        text_add(out, json_dumps(value, JSON_ENCODE_ANY));
}

typedef enum { COMPACT, INDENTED } Layout;

static void new_line(Text *out, Layout layout, int depth) {
    if (layout == INDENTED)
        text_addf(out, "\n%*s", depth * 2, "");
}

static void write_value(Text *out, json_t *value, Layout layout, int depth);

static void write_map(Text *out, json_t *map, Layout layout, int depth) {
    const char *separator = "{", *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        text_add(out, separator);
        new_line(out, layout, depth + 1);
        write_scalar(out, json_stringn_nocheck(name, strlen(name)));
        text_add(out, layout == INDENTED ? ": " : ":");
        write_value(out, value, layout, depth + 1);
        separator = ",";
    }
    new_line(out, layout, depth);
    text_add(out, "}");
}

static void write_list(Text *out, json_t *list, Layout layout, int depth) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        text_add(out, i ? "," : "[");
        new_line(out, layout, depth + 1);
        write_value(out, json_array_get(list, i), layout, depth + 1);
    }
    new_line(out, layout, depth);
    text_add(out, "]");
}

static void write_value(Text *out, json_t *value, Layout layout, int depth) {
    if (json_object_size(value))
        write_map(out, value, layout, depth);
    else if (json_array_size(value))
        write_list(out, value, layout, depth);
    else
        write_scalar(out, value);
}

static const char *written(const Json *json, Layout layout) {
    use(json->arena);
    Text out = text_on(json->arena);
    write_value(&out, json->value, layout, 0);
    return out.at;
}

const char *json_text(const Json *json) {
    return written(json, COMPACT);
}

const char *json_pretty(const Json *json) {
    return written(json, INDENTED);
}

/* Where digits.c has put a marked text for a number, the number's digits. */
static void restore(json_t *value, const char *mark) {
    const char *text = json_string_value(value);
    if (text && text_starts(text, mark) && digits_are_number(text += strlen(mark)))
        json_string_set_nocheck(value, arena_format(heap, "%c%s", DIGITS, text));
    for (size_t i = 0; i < json_array_size(value); i++)
        restore(json_array_get(value, i), mark);
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at))
        restore(json_object_iter_value(at), mark);
}

bool json_parse_within(Arena *a, const char *text, size_t length, size_t more, Json **out) {
    json_error_t error;
    use(a);
    const char *mark;
    const char *kept = digits_kept(a, text, &length, &mark);
    most = more < SIZE_MAX - arena_size(a) ? arena_size(a) + more : SIZE_MAX;
    json_t *value = json_loadb(kept, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool too_much = full;
    most = SIZE_MAX;
    full = false;
    if (too_much)
        return fail(FAIL_ERROR, "this JSON needs more memory than there is for it");
    if (!value)
        return fail(FAIL_ERROR, "this is no JSON: line %d, column %d: %s", error.line, error.column,
                    error.text);
    if (mark)
        restore(value, mark);
    *out = holder(a, value);
    return true;
}

bool json_parse(Arena *a, const char *text, size_t length, Json **out) {
    return json_parse_within(a, text, length, SIZE_MAX, out);
}

JsonKind json_kind(const Json *json) {
    static const JsonKind kinds[] = {
        [JSON_OBJECT] = JSON_MAP,    [JSON_ARRAY] = JSON_LIST,      [JSON_STRING] = JSON_TEXT,
        [JSON_INTEGER] = JSON_WHOLE, [JSON_REAL] = JSON_FRACTION,   [JSON_TRUE] = JSON_FLAG,
        [JSON_FALSE] = JSON_FLAG,    [JSON_NULL] = JSON_NULL_VALUE,
    };
    return is_digits(json->value) ? JSON_DIGITS : kinds[json_typeof(json->value)];
}

size_t json_count(const Json *json) {
    return json_object_size(json->value) + json_array_size(json->value);
}

Json *json_get(const Json *map, const char *name) {
    json_t *value = map ? json_object_get(map->value, name) : NULL;
    return value ? holder(map->arena, value) : NULL;
}

Json *json_at(const Json *list, size_t index) {
    json_t *value = list ? json_array_get(list->value, index) : NULL;
    return value ? holder(list->arena, value) : NULL;
}

const char *const *json_names(const Json *map) {
    const char **names = arena_take(map->arena, (json_object_size(map->value) + 1) * sizeof *names);
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(map->value, name, value) names[count++] = name;
    return names;
}

const char *json_as_text(const Json *json) {
    const char *text = json ? json_string_value(json->value) : NULL;
    return text && *text == DIGITS ? text + 1 : text;
}

size_t json_length(const Json *json) {
    return json ? json_string_length(json->value) - is_digits(json->value) : 0;
}

long long json_as_integer(const Json *json) {
    if (!json)
        return 0;
    if (!json_is_real(json->value))
        return json_integer_value(json->value);
    double number = json_real_value(json->value);
    return fabs(number) < 9.2e18 ? (long long)number : 0; /* beyond, the cast is undefined */
}

double json_as_number(const Json *json) {
    return json ? json_number_value(json->value) : 0;
}

bool json_as_flag(const Json *json) {
    return json && json_is_true(json->value);
}
