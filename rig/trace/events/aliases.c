#include "aliases.h"

#include <errno.h>
#include <stdlib.h>

bool number_take(const char *text, char end, uint64_t *value, const char **rest)
{
    char *stop = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &stop, 0);
    if (text[0] < '0' || text[0] > '9' || *stop != end || errno != 0) {
        return false;
    }
    *value = number;
    *rest = stop + (end == '\0' ? 0 : 1);
    return true;
}

bool aliases_take(struct aliases *aliases, const char *text)
{
    struct address_alias alias;
    const char *rest = text;
    if (!number_take(rest, ':', &alias.low, &rest) || !number_take(rest, ':', &alias.size, &rest) ||
        !number_take(rest, '\0', &alias.by, &rest) || alias.size == 0) {
        return false;
    }
    aliases->items[aliases->count++] = alias;
    return true;
}

uint64_t aliases_fold(const struct aliases *aliases, uint64_t address)
{
    for (size_t i = 0; i < aliases->count; i++) {
        if (address - aliases->items[i].low < aliases->items[i].size) {
            return address + aliases->items[i].by;
        }
    }
    return address;
}
