#include "baseline.h"

static bool overflowed(const struct tally *baseline, const struct site_key *key)
{
    bool psci = (key->flags & SITE_PSCI) != 0;
    return baseline->sites.buckets[key->class][key->from_el][key->to_el][psci].count > 0;
}

static bool has_class(const struct tally *baseline, const struct site_key *key)
{
    for (uint32_t i = 0; i < baseline->sites.count; i++) {
        const struct site_key *other = &baseline->sites.sites[i].key;
        if (other->class == key->class && other->from_el == key->from_el &&
            other->to_el == key->to_el && ((other->flags ^ key->flags) & SITE_PSCI) == 0) {
            return true;
        }
    }
    return overflowed(baseline, key);
}

enum known baseline_knows_site(const struct tally *baseline, const struct site_key *key)
{
    if (fault_class_is_interrupt((enum fault_class)key->class)) {
        return has_class(baseline, key) ? KNOWN_YES : KNOWN_NO;
    }
    if (site_table_find(&baseline->sites, key) != NULL) {
        return KNOWN_YES;
    }
    return overflowed(baseline, key) ? KNOWN_MAYBE : KNOWN_NO;
}

enum known baseline_knows_class(const struct tally *baseline, const struct site_key *key)
{
    if (!has_class(baseline, key)) {
        return KNOWN_NO;
    }
    return fault_class_is_interrupt((enum fault_class)key->class) ? KNOWN_YES : KNOWN_MAYBE;
}
