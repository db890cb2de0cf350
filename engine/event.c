#include "event.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LISTENERS = 4 };

static struct {
    EventListener *tell;
    void *with;
} listeners[MOST_LISTENERS];
static int count;

void event_listen(EventListener *listener, void *with) {
    if (count == MOST_LISTENERS)
        abort();
    listeners[count].tell = listener;
    listeners[count++].with = with;
}

void event_send(const Event *event) {
    for (int i = 0; i < count; i++)
        listeners[i].tell(listeners[i].with, event);
}

static const EventField *field(const Event *event, const char *name) {
    for (size_t i = 0; i < event->count; i++)
        if (strcmp(event->field[i].name, name) == 0)
            return &event->field[i];
    return NULL;
}

const char *event_text(const Event *event, const char *name) {
    const EventField *found = field(event, name);
    return found ? found->text : NULL;
}

long long event_integer(const Event *event, const char *name) {
    const EventField *found = field(event, name);
    return found ? found->integer : 0;
}

double event_number(const Event *event, const char *name) {
    const EventField *found = field(event, name);
    return found ? found->number : 0;
}
