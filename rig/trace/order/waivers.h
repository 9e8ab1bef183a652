/*
 * Findings that are accepted, each by rule and function, with the reason: RULE@SYMBOL=WHY.
 *
 * A waiver covers the findings of its rule of which one end lies in the function, or in a clone of
 * it that the compiler made ("name.isra.0").
 */
#ifndef RIG_ORDER_WAIVERS_H
#define RIG_ORDER_WAIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiver {
    char *rule;
    const char *symbol;
    const char *why;
    uint64_t used; /* findings that it covered */
};

struct waivers {
    struct waiver *items;
    size_t count;
};

/* Take RULE@SYMBOL=WHY; false when a part is missing or the text cannot be kept. `items` has room.
 */
bool waivers_take(struct waivers *waivers, const char *text);
void waivers_free(struct waivers *waivers);

/* Why a finding of the rule is accepted whose ends are at these places ("name+0x10", or ""); NULL
 * when it is not. Every waiver that covers it is used. */
const char *waivers_cover(struct waivers *waivers, const char *rule, const char *write,
                          const char *consumer);

#endif
