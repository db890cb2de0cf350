/* event: what happens in a run, told to whoever listens: the desk (progress, --json), then
 * the team's hooks. Refuses to know what a listener does with it. The kinds are
 * run_started migration_started statement migration_applied migration_failed batch throttled
 * blocked retry check backfill_left backfill_finished reset drift_found run_finished run_failed. */
#ifndef EVENT_H
#define EVENT_H

#include <stddef.h>

typedef enum { EVENT_TEXT, EVENT_INTEGER, EVENT_NUMBER, EVENT_YES_OR_NO } EventType;

typedef struct {
    const char *name;
    EventType type;
    const char *text;  /* NULL is told as null */
    long long integer; /* yes or no too: 1 or 0 */
    double number;
} EventField;

typedef struct {
    const char *kind;
    size_t count;
    const EventField *field;
} Event;

typedef void EventListener(void *with, const Event *event);

#define EVENT_SAYS(name, value) ((EventField){name, EVENT_TEXT, value, 0, 0})
#define EVENT_COUNTS(name, value) ((EventField){name, EVENT_INTEGER, NULL, value, 0})
#define EVENT_ANSWERS(name, value) ((EventField){name, EVENT_YES_OR_NO, NULL, value, 0})
#define EVENT_MEASURES(name, value) ((EventField){name, EVENT_NUMBER, NULL, 0, value})
/* event_tell("batch", EVENT_SAYS("name", name), EVENT_COUNTS("rows", n)); */
#define event_tell(kind, ...)                                                           \
    event_send(&(Event){kind, sizeof((EventField[]){__VA_ARGS__}) / sizeof(EventField), \
                        (EventField[]){__VA_ARGS__}})

/* At most four listeners, for the life of the process. */
void event_listen(EventListener *listener, void *with);
void event_send(const Event *event);

/* A field of the event, or a zero of its type. */
const char *event_text(const Event *event, const char *name);
long long event_integer(const Event *event, const char *name);
double event_number(const Event *event, const char *name);

#endif
