#include "waivers.h"

#include <stdlib.h>
#include <string.h>

bool waivers_take(struct waivers *waivers, const char *text)
{
    const char *at = strchr(text, '@');
    const char *equals = at == NULL ? NULL : strchr(at, '=');
    if (equals == NULL || at == text || equals == at + 1 || equals[1] == '\0') {
        return false;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return false;
    }
    copy[at - text] = '\0';
    copy[equals - text] = '\0';
    waivers->items[waivers->count++] = (struct waiver){
        .rule = copy,
        .symbol = copy + (at + 1 - text),
        .why = copy + (equals + 1 - text),
    };
    return true;
}

void waivers_free(struct waivers *waivers)
{
    for (size_t i = 0; i < waivers->count; i++) {
        free(waivers->items[i].rule);
    }
    free(waivers->items);
    *waivers = (struct waivers){0};
}

static bool lies_in(const char *place, const char *symbol)
{
    size_t length = strlen(symbol);
    return strncmp(place, symbol, length) == 0 && (place[length] == '+' || place[length] == '.');
}

const char *waivers_cover(struct waivers *waivers, const char *rule, const char *write,
                          const char *consumer)
{
    const char *why = NULL;
    for (size_t i = 0; i < waivers->count; i++) {
        struct waiver *waiver = &waivers->items[i];
        if (strcmp(waiver->rule, rule) == 0 &&
            (lies_in(write, waiver->symbol) || lies_in(consumer, waiver->symbol))) {
            waiver->used++;
            why = why == NULL ? waiver->why : why;
        }
    }
    return why;
}
