/* Findings in words. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_rule.h"
#include "space_map.h"

enum { SIZE_WORDS = 16, NAME_WORDS = 160, RIGHTS_WORDS = 4 };

static const char *size_words(unsigned bits, char words[static SIZE_WORDS])
{
    enum { KIB = 10, MIB = 20, GIB = 30, TIB = 40 };
    static const struct {
        unsigned bits;
        const char *unit;
    } units[] = {{TIB, "TiB"}, {GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (bits >= units[i].bits) {
            snprintf(words, SIZE_WORDS, "%u %s", 1U << (bits - units[i].bits), units[i].unit);
            return words;
        }
    }
    snprintf(words, SIZE_WORDS, "%u B", 1U << bits);
    return words;
}

static void put_rights(unsigned rights, char words[static RIGHTS_WORDS])
{
    static const char letters[] = "rwx";

    for (unsigned i = 0; i < RIGHTS_WORDS - 1; i++) {
        words[i] = (rights >> i & 1) != 0 ? letters[i] : '-';
    }
    words[RIGHTS_WORDS - 1] = '\0';
}

static void put_leaf(const struct audit_scene *scene, const struct audit_what *what, char *text,
                     size_t size)
{
    enum { EL0_SHIFT = 3 };
    static const char *const kinds[] = {"block", "page"};
    char length[SIZE_WORDS];
    char el1[RIGHTS_WORDS];
    char el0[RIGHTS_WORDS];

    put_rights(what->rights, el1);
    put_rights((unsigned)what->rights >> EL0_SHIFT, el0);
    size_words(what->size_bits, length);
    if (scene->el2) {
        snprintf(text, size, "%s %s, EL2 %s, %s, %s", length, kinds[what->level == 3], el1,
                 scene->memory_words[what->attr_index],
                 space_map_shareability_words(what->shareability));
    } else {
        snprintf(text, size, "%s %s, EL1 %s, EL0 %s, %s, %s, %s", length, kinds[what->level == 3],
                 el1, el0, scene->memory_words[what->attr_index],
                 space_map_shareability_words(what->shareability),
                 what->ng == 0 ? "global" : "not global");
    }
}

static void put_what(const struct audit_scene *scene, const struct audit_finding *finding,
                     const struct audit_what *what, char *text, size_t size)
{
    char leaf[AUDIT_TEXT - NAME_WORDS - 4];
    char name[NAME_WORDS];

    switch (what->kind) {
    case AUDIT_WHAT_LEAF:
        put_leaf(scene, what, leaf, sizeof(leaf));
        space_map_name(scene->snapshot, scene->spec, finding->first, finding->pa,
                       finding->last - finding->first + 1, name, sizeof(name));
        snprintf(text, size, "%s: %s", leaf, name);
        break;
    case AUDIT_WHAT_TABLE:
        snprintf(text, size, "table of level %u, %s half", what->level,
                 what->upper != 0 ? "upper" : "lower");
        break;
    case AUDIT_WHAT_HALF:
        snprintf(text, size, "the %s half", what->upper != 0 ? "upper" : "lower");
        break;
    default:
        snprintf(text, size, "nothing that is mapped");
        break;
    }
}

/* " at 0x...-0x... as 2 MiB block, ..." */
static size_t put_other(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size)
{
    char leaf[AUDIT_TEXT / 2];
    int length;

    put_leaf(scene, &finding->other_what, leaf, sizeof(leaf));
    if (finding->other_scattered) {
        length = snprintf(text, size, "elsewhere: 0x%" PRIx64 " and other places (%s)",
                          finding->other, leaf);
    } else {
        length = snprintf(text, size, "elsewhere: 0x%" PRIx64 "-0x%" PRIx64 " (%s)", finding->other,
                          finding->other + (finding->last - finding->first), leaf);
    }
    return length < 0 ? 0 : (size_t)length;
}

void audit_words_of(const struct audit_scene *scene, const struct audit_finding *finding,
                    struct audit_words *words)
{
    const struct audit_rule_module *module = AUDIT_RULE_MODULES[finding->rule];
    const struct audit_message *message = &module->messages[finding->message];
    char particulars[AUDIT_TEXT / 2] = "";
    size_t at = 0;

    put_what(scene, finding, &finding->what, words->what, sizeof(words->what));
    words->missing = message->missing;
    words->fix = message->fix;
    if (module->particulars != NULL) {
        module->particulars(scene, finding, particulars, sizeof(particulars));
    }
    if (finding->has_other) {
        at = put_other(scene, finding, words->detail, sizeof(words->detail));
    }
    if (at < sizeof(words->detail)) {
        snprintf(words->detail + at, sizeof(words->detail) - at, "%s%s%s%s", at == 0 ? "" : "; ",
                 particulars, particulars[0] == '\0' ? "" : ": ", message->detail);
    }
}
